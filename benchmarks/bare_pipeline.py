"""The bare pipeline: the same topics consumed and the engine's own rows stored by COPY, with no logic at all.

It is what broker, client libraries and database can do on this machine, and so the limit of the engine. The rows were
written down before, so that nothing is made or computed while the clock runs: a client writes them row by row, or
sends ready pieces of COPY's own bytes, which is what broker and database do without a client that has rows.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import psycopg
from aiokafka import AIOKafkaConsumer, TopicPartition
from psycopg.sql import SQL, Identifier

from benchmarks.processor_time import ProcessorTime, processor_time
from benchmarks.recording import SCHEMAS, TableRows
from benchmarks.stage import Stage
from consumers.topics import inbound_partitions
from ledger.collector import collector_paused
from projections.schema import migrate

# Writes the piece of one table that belongs to a commit.
_Write: TypeAlias = Callable[[psycopg.Connection[Any], int], None]

RECORDS_PER_COMMIT = 5_000

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


def run(stage: Stage, tables: Sequence[TableRows], *, by_rows: bool) -> Bare:
    """Consume everything once and COPY the recorded rows beside it, a piece of each table a commit.

    Either `by_rows` through psycopg's `write_row`, or each piece as the bytes that it is.
    """
    events = stage.events
    writes = [_writes_rows(table) if by_rows else _writes_pieces(table) for table in tables]
    with stage.database() as dsn:
        migrate(dsn)
        with psycopg.connect(dsn) as connection:
            _make_tables(connection, tables)
            with collector_paused():
                before, began = processor_time(), time.perf_counter()
                asyncio.run(_Pipeline(connection, events, writes).drain(stage.kafka))
                seconds = time.perf_counter() - began
                return Bare(events, seconds, processor_time() - before)


def _writes_rows(table: TableRows) -> _Write:
    """Writes the rows of a piece one by one."""
    statement, types = table.copy_in(_BARE.format(table.schema)), ["bytea"] * len(table.columns)
    rows = [table.rows_of(piece) for piece in range(len(table.pieces))]

    def write(connection: psycopg.Connection[Any], commit: int) -> None:
        if rows[commit]:
            with connection.cursor() as cursor, cursor.copy(statement) as copy:
                copy.set_types(types)
                for row in rows[commit]:
                    copy.write_row(row)

    return write


def _writes_pieces(table: TableRows) -> _Write:
    """Writes a piece as it is."""
    statement = table.copy_in(_BARE.format(table.schema))

    def write(connection: psycopg.Connection[Any], commit: int) -> None:
        if table.pieces[commit]:
            with connection.cursor() as cursor, cursor.copy(statement) as copy:
                copy.write(table.pieces[commit])

    return write


def _make_tables(connection: psycopg.Connection[Any], tables: Sequence[TableRows]) -> None:
    for schema in SCHEMAS:
        connection.execute(SQL("CREATE SCHEMA {}").format(Identifier(_BARE.format(schema))))
    for table in tables:
        place = (Identifier(table.schema), Identifier(table.name))
        connection.execute(_LIKE.format(Identifier(_BARE.format(table.schema)), place[1], *place))
    connection.commit()


class _Pipeline:
    """Reads all partitions to their ends; the next records are fetched while the last are being stored."""

    def __init__(self, connection: psycopg.Connection[Any], events: int, writes: Sequence[_Write]) -> None:
        self._connection, self._events, self._writes = connection, events, writes

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
        for write in self._writes:
            write(self._connection, commit)
        self._connection.commit()
