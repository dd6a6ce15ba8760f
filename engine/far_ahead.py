"""Events far ahead of the wall clock: accepted as any other, kept from moving event time, and told once a source."""

from collections.abc import Sequence
from datetime import UTC, datetime

from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.decode import Message
from domain.far_ahead import SourceAhead, source_stream
from engine.work import Unfolded, Work
from ledger.events.heads import begun_streams, lock_streams
from ledger.intake.event_time import note_ahead


def wall_clock() -> datetime:
    """What the clock of this machine shows, in UTC."""
    return datetime.now(UTC)


def take_far_ahead(cursor: Cursor[TupleRow], work: Work, messages: Sequence[Message], now: datetime) -> None:
    """Keep their times for when they are near, and tell people of each source that has none of them yet."""
    note_ahead(cursor, (message.time for message in messages))
    first: dict[str, Message] = {}
    for message in messages:
        first.setdefault(message.source, message)
    streams = {source_stream(source): message for source, message in first.items()}
    # Who was told of already is not locked: consumers that take in one source's events would wait for each other.
    untold = streams.keys() - begun_streams(cursor, streams)
    for stream_id, version in lock_streams(cursor, untold).items():
        if not version:
            stream, found = work.stream(stream_id, Unfolded(version)), streams[stream_id]
            operator_id = str(found.data.get("operator_id") or "")
            stream.append(SourceAhead(found.source, found.id, found.type, found.time, now, operator_id))
            stream.send("settlement.notifications", found.source)
