"""The bare pipeline: the same topics consumed and as many rows stored by COPY, with no logic at all.

It is what broker, client libraries and database can do on this machine, and so the limit of the engine.
"""

import asyncio
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from benchmarks.end_to_end import RowsWritten
from benchmarks.processor_time import ProcessorTime, processor_time
from benchmarks.stage import Stage
from consumers.topics import inbound_partitions

RECORDS_PER_COMMIT = 5_000

# The columns and the keys of the engine's tables, without its guards.
_TABLES = """
CREATE TABLE message (key uuid PRIMARY KEY, digest uuid NOT NULL);
CREATE TABLE stored_events (
    originator_id uuid NOT NULL, originator_version bigint NOT NULL, topic text NOT NULL, state bytea NOT NULL,
    notification_id bigserial NOT NULL UNIQUE, PRIMARY KEY (originator_id, originator_version)
);
CREATE TABLE entry (
    entry_id uuid PRIMARY KEY, kind text NOT NULL, effective_at timestamptz NOT NULL, currency text NOT NULL,
    posting_count smallint NOT NULL, session_id text, cause uuid NOT NULL, hash bytea NOT NULL
);
CREATE TABLE posting (
    entry_id uuid NOT NULL, line smallint NOT NULL, account text NOT NULL, currency text NOT NULL,
    amount_minor bigint NOT NULL, PRIMARY KEY (entry_id, line)
);
"""
_KINDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "message": ("key, digest", ("uuid", "uuid")),
    "stored_events": ("originator_id, originator_version, topic, state", ("uuid", "int8", "text", "bytea")),
    "posting": ("entry_id, line, account, currency, amount_minor", ("uuid", "int2", "text", "text", "int8")),
    "entry": (
        "entry_id, kind, effective_at, currency, posting_count, session_id, cause, hash",
        ("uuid", "text", "timestamptz", "text", "int2", "text", "uuid", "bytea"),
    ),
}
_MOMENT = datetime(2026, 3, 18, tzinfo=UTC)
_HASH = bytes(32)


@dataclass(frozen=True, slots=True)
class Bare:
    """One round: the events consumed, the seconds it took and who spent the processor's time."""

    events: int
    seconds: float
    spent: ProcessorTime

    @property
    def events_per_second(self) -> float:
        """Events in the topics by the whole time."""
        return self.events / self.seconds


@dataclass(slots=True)
class _Quota:
    """Hands out whole rows so that after all records exactly the wanted number was written."""

    rows: int
    records: int
    _given: int = field(default=0)

    def due(self, records_done: int) -> int:
        """Rows to write now that so many records are done."""
        count = self.rows * records_done // self.records - self._given
        self._given += count
        return count


def run(stage: Stage, rows: RowsWritten) -> Bare:
    """Consume everything once and COPY as many rows of each kind as the engine wrote, on a fresh database."""
    with stage.database() as dsn, psycopg.connect(dsn) as connection:
        connection.execute(_TABLES)
        connection.commit()
        before, began = processor_time(), time.perf_counter()
        asyncio.run(_Pipeline(connection, stage.events, rows).drain(stage.kafka))
        seconds = time.perf_counter() - began
        return Bare(stage.events, seconds, processor_time() - before)


class _Pipeline:
    """Reads all partitions to their ends, a commit every few thousand records."""

    def __init__(self, connection: psycopg.Connection[Any], events: int, rows: RowsWritten) -> None:
        self._connection, self._events = connection, events
        self._quotas = {
            "stored_events": _Quota(rows.events - events, events),
            "entry": _Quota(rows.entries, events),
        }
        self._postings = rows.postings
        self._lines_per_entry = rows.postings / max(1, rows.entries)
        self._done = 0
        # Decisions are stored beside the facts; filler of their mean size stands for them.
        self._decision = bytes(max(1, (rows.event_bytes - 250 * events) // max(1, rows.events - events)))

    async def drain(self, kafka: Mapping[str, Any]) -> None:
        """Until every event was consumed and committed."""
        consumer = AIOKafkaConsumer(**kafka, auto_offset_reset="earliest", enable_auto_commit=False)
        consumer.assign([TopicPartition(*home) for home in await inbound_partitions(kafka)])
        await consumer.start()
        try:
            while self._done < self._events:
                found = await consumer.getmany(timeout_ms=200, max_records=RECORDS_PER_COMMIT)
                records = [record for part in found.values() for record in part]
                if records:
                    # In a thread, so that the next records are fetched meanwhile, as the engine does it.
                    await asyncio.to_thread(self._store, records)
        finally:
            await consumer.stop()

    def _store(self, records: list[ConsumerRecord[bytes, bytes]]) -> None:
        self._done += len(records)
        entry_ids = list(_random_ids(self._quotas["entry"].due(self._done)))
        self._copy("message", zip(_random_ids(len(records)), _random_ids(len(records)), strict=True))
        self._copy("posting", self._posting_rows(entry_ids))
        self._copy("entry", ((id_, "J01", _MOMENT, "EUR", 2, "L-00000001", id_, _HASH) for id_ in entry_ids))
        self._copy("stored_events", self._event_rows(records))
        self._connection.commit()

    def _posting_rows(self, entry_ids: list[UUID]) -> Iterator[tuple[object, ...]]:
        lines = round(self._lines_per_entry * len(entry_ids))
        for number in range(lines):
            entry_id = entry_ids[number % len(entry_ids)]
            yield entry_id, number // len(entry_ids) + 1, "1105/L-00000001", "EUR", 1234

    def _event_rows(self, records: list[ConsumerRecord[bytes, bytes]]) -> Iterator[tuple[object, ...]]:
        decisions = self._quotas["stored_events"].due(self._done)
        for stream_id, record in zip(_random_ids(len(records)), records, strict=True):
            yield stream_id, 1, record.topic, record.value
        for stream_id in _random_ids(decisions):
            yield stream_id, 1, "Booked", self._decision

    def _copy(self, table: str, rows: Iterator[tuple[object, ...]]) -> None:
        columns, types = _KINDS[table]
        statement = f"COPY {table} ({columns}) FROM STDIN (FORMAT BINARY)"
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)


def _random_ids(count: int) -> Iterator[UUID]:
    """Ids that fall anywhere into an index, as hashes do."""
    pool = os.urandom(16 * count)
    return (UUID(bytes=pool[start : start + 16]) for start in range(0, 16 * count, 16))
