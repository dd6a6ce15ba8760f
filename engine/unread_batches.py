"""Record batches that cannot be read: found in the stream of their partition, and over once they are passed."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.refusal import RefusalCode
from domain.book.findings import Finding, FindingKind
from engine.errors import NothingUnread
from engine.finding_streams import finding_streams, read_findings
from engine.work import Work
from ledger.gateway import Gateway
from ledger.intake import positions, quarantine
from ledger.intake.positions import Partition, Tally, event_time
from ledger.intake.quarantine import DeadLetter, deadletter_id

_REASON_MAX_CHARS = 300


def note_unread(cursor: Cursor[TupleRow], work: Work, partition: Partition, offset: int, reason: str) -> None:
    """Have it open that the batch at an offset cannot be read; what was open of the partition before is over.

    It is open since the latest envelope time that was taken in of the partition; of an empty one, since now.
    """
    since = event_time(cursor, partition) or datetime.now(UTC)
    stream = finding_streams(cursor, work, [_name(partition)])[_name(partition)]
    known = [finding for finding in stream.findings if finding.key == _key(offset)]
    stream.change(known or [_unread(partition, offset, since, reason)], since)


def open_unread(cursor: Cursor[TupleRow], partitions: Iterable[Partition]) -> dict[Partition, int]:
    """The offset of the batch that cannot be read, of those partitions that have one."""
    by_name = {_name(partition): partition for partition in partitions}
    found = read_findings(cursor, by_name)
    return {by_name[name]: _offset(finding) for name, findings in found.items() for finding in findings}


def end_unread(cursor: Cursor[TupleRow], work: Work, passed: Mapping[Partition, datetime | None]) -> None:
    """End what was open of partitions, as of the latest envelope time that was taken in of each, if there is one."""
    streams = finding_streams(cursor, work, map(_name, passed))
    for partition, at in passed.items():
        stream = streams[_name(partition)]
        for finding in list(stream.findings):
            stream.change([], max(at or finding.since, finding.since))


def pass_unread(gateway: Gateway, partition: Partition, offset: int, through: int, reason: str) -> DeadLetter:
    """Read a partition on behind `through` that stands still before a batch at `offset`; the letter that is kept.

    Whoever owns the partition loses it, and reads on when it claims it again. Raises NothingUnread.
    """
    topic, number = partition
    sentence = f"offsets {offset} to {through} could not be read and were passed by hand: {reason}"
    letter = DeadLetter(
        deadletter_id=deadletter_id(f"{topic}:{number}:{offset}", f"passed:{through}"),
        topic=topic,
        partition=number,
        offset=offset,
        key=None,
        headers=(),
        value=None,
        code=RefusalCode.UNREAD_BATCH,
        path="$",
        sentence=sentence[:300],
    )
    with gateway.transaction() as cursor:
        _, next_offset = positions.claim(cursor, [partition])[partition]
        if open_unread(cursor, [partition]).get(partition) != offset or (next_offset or 0) > offset:
            raise NothingUnread(
                f"topic {topic}, partition {number}: no batch at offset {offset} is known that cannot be read; "
                "'wattledger findings --kind UNREAD_BATCH' lists those that are"
            )
        work = Work(gateway.shard)
        positions.advance(cursor, {partition: (through + 1, None)})
        if quarantine.add(cursor, [letter]):
            work.send_deadletter("", letter.deadletter_id)
            positions.count(cursor, {partition: Tally(dead_lettered=1)})
        end_unread(cursor, work, {partition: event_time(cursor, partition)})
        work.write(cursor)
    return letter


def _unread(partition: Partition, offset: int, since: datetime, reason: str) -> Finding:
    topic, number = partition
    return Finding(
        FindingKind.UNREAD_BATCH,
        key=_key(offset),
        subject=f"{topic}:{number}:{offset}",
        operator_id="",
        since=since,
        sentence=(
            f"topic {topic}, partition {number}: the record batch at offset {offset} cannot be read "
            f"({reason[:_REASON_MAX_CHARS]}); what is behind it waits"
        ),
    )


def _name(partition: Partition) -> str:
    topic, number = partition
    return f"partition:{topic}:{number}"


def _key(offset: int) -> str:
    return f"offset:{offset}"


def _offset(finding: Finding) -> int:
    return int(finding.key.partition(":")[2])
