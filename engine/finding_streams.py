"""Streams that keep nothing but findings, by business name: of the clock, and of partitions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import NAMESPACE_URL, UUID, uuid5

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.findings import Finding, FindingEnded, FindingOpened, OpenFindings
from engine.work import Stream, Unfolded, Work
from ledger.events.codec import decode
from ledger.events.heads import lock_streams
from ledger.events.store import StoredEvent, read_streams

_TOPICS = (FindingOpened.__name__, FindingEnded.__name__)


@dataclass(frozen=True, slots=True)
class FindingStream:
    """A stream in a transaction, locked, and what is open in it."""

    name: str
    stream: Stream
    findings: OpenFindings

    def change(self, wanted: Iterable[Finding], at: datetime | None) -> None:
        """Have just those findings open, and have people told; what ends does so `at` that moment."""
        for change in self.findings.towards(wanted, self.name, at=at):
            self.findings.evolve(change)
            self.stream.append(change)
            self.stream.tell(change)


def finding_streams(cursor: Cursor[TupleRow], work: Work, names: Iterable[str]) -> dict[str, FindingStream]:
    """The streams of these names, locked, to be changed by this transaction."""
    ids = {_stream_id(name): name for name in names}
    versions = lock_streams(cursor, ids)
    stored = read_streams(cursor, [stream_id for stream_id in ids if versions[stream_id]])
    return {
        name: FindingStream(name, work.stream(key, Unfolded(versions[key])), open_in(stored.get(key, ())))
        for key, name in ids.items()
    }


def read_findings(cursor: Cursor[TupleRow], names: Iterable[str]) -> Mapping[str, OpenFindings]:
    """What is open in the streams of these names, as it is now; nothing is locked."""
    ids = {_stream_id(name): name for name in names}
    stored = read_streams(cursor, list(ids))
    return {ids[stream_id]: open_in(events) for stream_id, events in stored.items()}


def open_in(stored: Iterable[StoredEvent]) -> OpenFindings:
    """What is open by the events of a stream."""
    findings = OpenFindings()
    for event in stored:
        if event.topic in _TOPICS:
            findings.evolve(decode(event.topic, event.state))
    return findings


def _stream_id(name: str) -> UUID:
    return uuid5(NAMESPACE_URL, f"wattledger:stream:{name}")
