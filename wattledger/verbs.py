"""The composition root: puts intake, clock, projections and files together, one verb a function."""

import asyncio
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from consumers.errors import UnreadBatch
from consumers.files import EventFiles, TooLarge
from consumers.publisher import RECORD_MAX_BYTES, Outgoing, publish
from consumers.relay import drain
from consumers.run import backlog
from consumers.topics import inbound_bounds
from contracts.messages import CATALOGUE_TOPIC
from engine.too_large import refuse_too_large
from engine.unread_batches import pass_unread
from ledger.gateway import Gateway
from ledger.intake import positions
from ledger.intake.positions import Partition, Tally
from ledger.intake.quarantine import DeadLetter
from projections.documents.summary import taken_document
from projections.export import export
from projections.registry import shared_out
from wattledger.crew import Crew, OnProgress
from wattledger.errors import ApplicationError
from wattledger.patience import patiently
from wattledger.portions import AdvanceSessions, Consume, Project, adding_up, by_partition
from wattledger.store import Store

# A session that the clock looks at is as much work as this many records.
_RECORDS_PER_DUE_SESSION = 5
# Less than this is judged twice, if need be, sooner than the catalogue is read by itself.
_BACKLOG_WORTH_ORDER = 4_000


def publish_records(store: Store, records: Iterable[Outgoing]) -> int:
    """Publish records that were made here; how many were sent. Raises ApplicationError when some are too large."""
    refused: list[Outgoing] = []
    sent, _ = asyncio.run(publish(store.kafka, records, refused.append))
    if refused:
        raise ApplicationError(f"{len(refused)} records are larger than a broker takes; they were not sent")
    return sent


def pass_batch(store: Store, partition: Partition, offset: int, through: int, reason: str) -> DeadLetter:
    """Read on behind a batch that cannot be read; the dead letter that is kept of it.

    Raises NothingUnread, and ApplicationError for a last offset that is not of the partition.
    """
    _, end = asyncio.run(inbound_bounds(store.kafka)).get(partition, (0, 0))
    if through != offset and not offset < through < end:
        raise ApplicationError(
            f"--through {through} is no offset of topic {partition[0]}, partition {partition[1]} from {offset} on: "
            f"it ends with {end - 1}"
        )
    with _gateway(store) as gateway:
        letter: DeadLetter = patiently(lambda: pass_unread(gateway, partition, offset, through, reason))
    return letter


def publish_files(store: Store, files: Sequence[str], on_progress: OnProgress) -> int:
    """Publish the lines of files; those too large for a broker are refused into quarantine. How many there were."""
    too_large: list[TooLarge] = []
    events = EventFiles(files, too_large.append)
    asyncio.run(publish(store.kafka, _counted(events, on_progress)))
    with _gateway(store) as gateway:
        for line in too_large:
            where, digest = f"line {line.line} of {Path(line.file).name}", f"{line.sha256}:{line.nth}"
            patiently(partial(refuse_too_large, gateway, where, line.size_bytes, digest, RECORD_MAX_BYTES))
    return events.lines


def consume_all(crew: Crew, on_progress: OnProgress) -> None:
    """Take in everything that is published by now, the catalogue first.

    Sessions are judged afterwards, once for all that came, by `advance_clock`; where no clock follows, `take_in` is
    the whole of it.
    """
    waiting = patiently(lambda: _backlog(crew.store))
    total = sum(max(0, records) for records in waiting.values())
    crew.grow(_processes_for(crew, total))
    catalogue = tuple(home for home, records in waiting.items() if home[0] == CATALOGUE_TOPIC and records > 0)
    try:
        if catalogue and total >= _BACKLOG_WORTH_ORDER:
            crew.do([Consume(catalogue)], "reading the catalogue", on_progress)
        crew.do(by_partition(tuple(waiting), crew.size), "consuming", on_progress)
    except UnreadBatch:
        # Who called ends for it: what else was taken in is judged now.
        crew.hands.follow_up()
        raise


def take_in(crew: Crew, on_progress: OnProgress) -> None:
    """Take in what is published, and have every session and payout judged that it concerns, whoever took it in."""
    consume_all(crew, on_progress)
    crew.hands.follow_up()
    crew.hands.judge_votes()


def _backlog(store: Store) -> dict[Partition, int]:
    with _gateway(store) as gateway, gateway.transaction() as cursor:
        known = positions.next_offsets(cursor)
    return backlog(store.kafka, known)


def _processes_for(crew: Crew, records: int) -> int:
    """How many processes share so much work; those that are there already cost nothing."""
    settings = crew.store.settings
    return max(crew.size, min(settings.processes, records // settings.backlog_per_process))


def _growing(crew: Crew, on_progress: OnProgress) -> OnProgress:
    """Progress of publishing that starts processes as soon as there is enough for them: they get ready meanwhile."""

    def tell(stage: str, done: int, total: int | None) -> None:
        crew.grow(_processes_for(crew, done))
        on_progress(stage, done, total)

    return tell


def advance_clock(
    crew: Crew, until: datetime | None, on_progress: OnProgress, *, by_event_time: bool = False
) -> datetime | None:
    """Do what the clock drives, up to `until` or the latest event time; the moment it was moved to.

    Where event time stands nowhere, the clock stands still (None), and what was taken in is judged all the same.
    """
    clock = crew.hands.clock
    moment = until or patiently(clock.event_time)
    if moment is None:
        crew.hands.follow_up()
        return None
    settings = crew.store.settings
    enough = settings.backlog_per_process * settings.processes // _RECORDS_PER_DUE_SESSION + 1
    due = patiently(lambda: clock.count_due(moment, enough))
    processes = _processes_for(crew, due * _RECORDS_PER_DUE_SESSION)
    crew.do([AdvanceSessions(moment)] * processes, "clock: sessions", on_progress)
    report = adding_up(lambda stage, done: on_progress(f"clock: {stage}", done, None))
    patiently(lambda: clock.advance(moment, report, by_event_time=by_event_time))
    return moment


def project_all(crew: Crew, on_progress: OnProgress) -> None:
    """Bring all projections to the end of the event store, but those that are brought there on demand."""
    crew.do([Project(names) for names in shared_out(crew.size)], "projecting", on_progress)


def count(store: Store) -> Tally:
    """How all records of the store were taken."""
    with _gateway(store) as gateway, gateway.transaction() as cursor:
        return positions.totals(cursor)


@contextmanager
def _gateway(store: Store) -> Iterator[Gateway]:
    gateway = Gateway(store.dsn)
    try:
        yield gateway
    finally:
        gateway.close()


def settle(
    store: Store,
    files: Sequence[str],
    out: Path,
    until: datetime | None,
    on_progress: OnProgress,
    *,
    every_bank_file: bool = False,
) -> dict[str, Any]:
    """The main job: publish the events of files, consume, do what the clock drives, project, send, write files.

    Whatever an interrupted call left in Kafka, or taken in and not judged, is done first, and does not count. The
    summary of this call.
    """
    began = time.monotonic()
    with Crew(store) as crew:
        # Nothing is published to a log that is not the one which was read: consuming it tells.
        if any(patiently(lambda: _backlog(store)).values()):
            consume_all(crew, on_progress)
        crew.hands.follow_up()
        before = patiently(lambda: count(store))
        events_in = publish_files(store, files, _growing(crew, on_progress))
        consume_all(crew, on_progress)
        advance_clock(crew, until, on_progress, by_event_time=True)
        taken = patiently(lambda: count(store)) - before
        project_all(crew, on_progress)
    drain(store.kafka, store.dsn, heads=store.heads, anchors=store.anchors())
    seconds = time.monotonic() - began
    summary = taken_document(taken, seconds, events_in)
    on_progress("writing files", 0, None)
    patiently(lambda: export(store.dsn, out, store.platform, summary, every_bank_file=every_bank_file))
    return summary


def _counted(records: Iterable[Outgoing], on_progress: OnProgress) -> Iterator[Outgoing]:
    for number, record in enumerate(records, 1):
        if number % 500 == 0:
            on_progress("publishing", number, None)
        yield record
