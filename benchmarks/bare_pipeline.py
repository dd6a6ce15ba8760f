"""The bare pipeline: the same topics consumed and the engine's own rows stored by COPY, with no logic at all.

It is what broker, client libraries and database can do on this machine, and so the limit of the engine. The rows were
written down before, in the form in which COPY takes them, so that nothing is made or converted while the clock runs.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from aiokafka import AIOKafkaConsumer, TopicPartition
from psycopg.sql import SQL, Identifier

from benchmarks.processor_time import ProcessorTime, processor_time
from benchmarks.recording import SCHEMAS, TableRows
from benchmarks.stage import Stage
from consumers.topics import inbound_partitions
from ledger.migrate import migrate

RECORDS_PER_COMMIT = 5_000
# Deduplication keys, events, entries and postings: the least that a ledger of this kind can store.
CORE_TABLES = ("intake.message", "event_store.stored_events", "book.entry", "book.posting")

_BARE = "bare_{}"
# Columns, types, primary keys and indexes; without checks, foreign keys, guards, and what would be computed.
_LIKE = SQL("CREATE TABLE {}.{} (LIKE {}.{} INCLUDING ALL EXCLUDING CONSTRAINTS EXCLUDING GENERATED)")


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


def commits_of(events: int) -> int:
    """How many commits a round has, and so how many pieces a table's rows are to be split into."""
    return -(-events // RECORDS_PER_COMMIT)


def run(stage: Stage, tables: Sequence[TableRows]) -> Bare:
    """Consume everything once and COPY the recorded rows beside it, a piece of each table a commit."""
    events = stage.events
    with stage.database() as dsn:
        migrate(dsn)
        with psycopg.connect(dsn) as connection:
            _make_tables(connection, tables)
            before, began = processor_time(), time.perf_counter()
            asyncio.run(_Pipeline(connection, events, tables).drain(stage.kafka))
            seconds = time.perf_counter() - began
            return Bare(events, seconds, processor_time() - before)


def _make_tables(connection: psycopg.Connection[Any], tables: Sequence[TableRows]) -> None:
    for schema in SCHEMAS:
        connection.execute(SQL("CREATE SCHEMA {}").format(Identifier(_BARE.format(schema))))
    for table in tables:
        place = (Identifier(table.schema), Identifier(table.name))
        connection.execute(_LIKE.format(Identifier(_BARE.format(table.schema)), place[1], *place))
    connection.commit()


class _Pipeline:
    """Reads all partitions to their ends; the next records are fetched while the last are being stored."""

    def __init__(self, connection: psycopg.Connection[Any], events: int, tables: Sequence[TableRows]) -> None:
        self._connection, self._events = connection, events
        self._copies = [(table.copy_in(_BARE.format(table.schema)), table.pieces) for table in tables]

    async def drain(self, kafka: Mapping[str, Any]) -> None:
        """Until every event was consumed and committed."""
        consumer = AIOKafkaConsumer(**kafka, auto_offset_reset="earliest", enable_auto_commit=False)
        consumer.assign([TopicPartition(*home) for home in await inbound_partitions(kafka)])
        await consumer.start()
        try:
            done = 0
            storing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            storing.set_result(None)
            for commit in range(commits_of(self._events)):
                wanted = min(self._events, (commit + 1) * RECORDS_PER_COMMIT)
                while done < wanted:
                    found = await consumer.getmany(timeout_ms=200, max_records=wanted - done)
                    done += sum(map(len, found.values()))
                await storing
                storing = asyncio.ensure_future(asyncio.to_thread(self._store, commit))
            await storing
        finally:
            await consumer.stop()

    def _store(self, commit: int) -> None:
        for statement, pieces in self._copies:
            if pieces[commit]:
                with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
                    copy.write(pieces[commit])
        self._connection.commit()
