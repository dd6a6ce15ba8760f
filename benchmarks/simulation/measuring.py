"""Measures what the arithmetic takes for granted: rows, bytes, seconds, and the time under the append lock.

No broker takes part: records go to the intake in batches of a chosen size, each load on a database of its own.
Seconds are processor time of Python and PostgreSQL together, which work in turns here; what else the machine has to
do is not in them, and neither is the wait for the disk, which the inputs add to each commit.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

import psycopg
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from benchmarks.processor_time import processor_time
from engine.clock import Clock
from engine.intake import Intake
from engine.ports import Record
from ledger.intake.positions import Partition
from projections.runner import catch_up
from projections.schema import migrate
from wattledger.demo.load import load
from wattledger.embedded import EmbeddedPostgres

# Sessions with few and with many readings: their difference is what a reading costs.
MESSAGES_FEW, MESSAGES_MANY = 10, 40
BATCH_LARGE, BATCH_SMALL = 2_000, 50
LOADS = ((MESSAGES_FEW, BATCH_LARGE), (MESSAGES_MANY, BATCH_LARGE), (MESSAGES_FEW, BATCH_SMALL))
# Every share that is released by the end of a load has matured and is paid by then.
PAID_AFTER, ONE_DAY = timedelta(days=5), timedelta(days=1)
_LOOK_S = 0.01

# Every table that holds rows, with the bytes of its rows and of its indexes.
_TABLES = """
SELECT nspname, relname, pg_table_size(class.oid), pg_indexes_size(class.oid)
FROM pg_class AS class JOIN pg_namespace AS namespace ON namespace.oid = relnamespace
WHERE relkind = 'r' AND nspname IN ('event_store', 'book', 'intake', 'projection')
ORDER BY 1, 2
"""
_COUNT = SQL("SELECT count(*) FROM {}")
_WAL_BYTES = "SELECT pg_current_wal_lsn() - '0/0'::pg_lsn"
_LOCK_HELD = """
SELECT 1 FROM pg_locks
WHERE relation = 'event_store.stored_events'::regclass AND mode = 'ExclusiveLock' AND granted
"""
_LINES_PAID = "SELECT count(*) FROM intake.line WHERE payout_id IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Table:
    """One table after a load: its rows, and the bytes of its heap and of its indexes."""

    name: str
    rows: int
    heap_bytes: int
    index_bytes: int


@dataclass(frozen=True, slots=True)
class Load:
    """One load of sessions into an empty store, with what it took and left behind."""

    sessions: int
    messages_per_session: int
    batch_records: int
    message_bytes: int
    intake_s: float
    intake_locked_s: float
    sessions_s: float
    clock_locked_s: float
    runs_s: float
    empty_runs_s: float
    projections_s: float
    lines_paid: int
    wal_bytes: int
    tables: tuple[Table, ...]

    @property
    def messages(self) -> int:
        """Messages of the sessions; the few of the catalogue are left out."""
        return self.sessions * self.messages_per_session

    def table(self, name: str) -> Table:
        """The table of that name; an empty one where nothing was written to it."""
        return next((each for each in self.tables if each.name == name), Table(name, 0, 0, 0))


def measure(sessions: int, rounds: int, report: Callable[[str], None]) -> list[Load]:
    """The loads of `LOADS`, each the least disturbed of some rounds: every time is the shortest seen."""
    found: list[list[Load]] = [[] for _ in LOADS]
    with TemporaryDirectory(prefix="wattledger-costs-") as folder, EmbeddedPostgres(Path(folder)) as postgres:
        for number in range(rounds):
            for (messages, batch), same in zip(LOADS, found, strict=True):
                report(f"round {number + 1}: {sessions:,} sessions of {messages} messages in batches of {batch:,}")
                with _database(postgres.dsn, "costs") as dsn:
                    same.append(_load(dsn, sessions, messages, batch))
    return [_least_disturbed(same) for same in found]


def _least_disturbed(same: Sequence[Load]) -> Load:
    times = [each.name for each in fields(Load) if each.name.endswith("_s")]
    return replace(same[0], **{name: min(getattr(each, name) for each in same) for name in times})


@contextmanager
def _database(server_dsn: str, name: str) -> Iterator[str]:
    with psycopg.connect(server_dsn, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        dsn = f"{server_dsn.rpartition('/')[0]}/{name}"
        migrate(dsn)
        connection.execute("CHECKPOINT")
        yield dsn
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _load(dsn: str, sessions: int, messages: int, batch_records: int) -> Load:
    records = _records(sessions, messages)
    with psycopg.connect(dsn, autocommit=True) as watching:
        wal_before = _number(watching, _WAL_BYTES)
        with _locked_share(dsn) as intake_share:
            intake_s = _take_in(dsn, records, batch_records)
        with _locked_share(dsn) as clock_share:
            sessions_s, runs_s, empty_runs_s = _advance(dsn)
        projections_s = _seconds(lambda: catch_up(dsn))
        return Load(
            sessions=sessions,
            messages_per_session=messages,
            batch_records=batch_records,
            message_bytes=sum(len(record.value or b"") for record in records) // len(records),
            intake_s=intake_s,
            intake_locked_s=intake_s * intake_share[0],
            sessions_s=sessions_s,
            clock_locked_s=(sessions_s + runs_s + empty_runs_s) * clock_share[0],
            runs_s=runs_s,
            empty_runs_s=empty_runs_s,
            projections_s=projections_s,
            lines_paid=_number(watching, _LINES_PAID),
            wal_bytes=_number(watching, _WAL_BYTES) - wal_before,
            tables=tuple(table for table in _tables(watching) if table.rows),
        )


def _records(sessions: int, messages: int) -> list[Record]:
    offsets: dict[str, int] = {}
    made = []
    for topic, key, value in load(sessions, messages):
        offsets[topic] = offsets.get(topic, -1) + 1
        made.append(Record(topic, 0, offsets[topic], key, value))
    return made


def _take_in(dsn: str, records: Sequence[Record], batch_records: int) -> float:
    intake = Intake(dsn)
    try:
        homes: list[Partition] = sorted({record.home for record in records})
        epochs = {home: claim.epoch for home, claim in intake.claim(homes).items()}
        began = _spent_s()
        for first in range(0, len(records), batch_records):
            intake.process(records[first : first + batch_records], epochs)
        return _spent_s() - began
    finally:
        intake.close()


def _advance(dsn: str) -> tuple[float, float, float]:
    """Seconds for all that sessions do by the clock, for the runs that pay them, and for runs with nothing to pay."""
    clock, spent = Clock(dsn), {"sessions": 0.0, "operators": 0.0}
    last = 0.0

    def note(stage: str, _count: int) -> None:
        nonlocal last
        now = _spent_s()
        spent[stage] += now - last
        last = now

    def advance(until: datetime) -> None:
        nonlocal last
        last = _spent_s()
        clock.advance(until, note)

    try:
        end = clock.event_time() or datetime.now(UTC)
        advance(end)
        advance(end + PAID_AFTER)
        paying_s = spent["operators"]
        advance(end + PAID_AFTER + ONE_DAY)
        return spent["sessions"], paying_s, spent["operators"] - paying_s
    finally:
        clock.close()


@contextmanager
def _locked_share(dsn: str) -> Iterator[list[float]]:
    """A list whose one value, after the block, is the share of its time in which a transaction held the lock."""
    stop, share = Event(), [0.0]

    def watch() -> None:
        held = looks = 0
        with psycopg.connect(dsn, autocommit=True) as connection:
            while not stop.wait(_LOOK_S):
                looks += 1
                held += connection.execute(_LOCK_HELD).fetchone() is not None
        share[0] = held / max(1, looks)

    watcher = Thread(target=watch)
    watcher.start()
    try:
        yield share
    finally:
        stop.set()
        watcher.join()


def _tables(connection: psycopg.Connection[TupleRow]) -> Iterator[Table]:
    for schema, name, heap, index in connection.execute(_TABLES).fetchall():
        rows = connection.execute(_COUNT.format(Identifier(schema, name))).fetchone()
        yield Table(f"{schema}.{name}", rows[0] if rows else 0, heap, index)


def _number(connection: psycopg.Connection[TupleRow], query: str) -> int:
    row = connection.execute(query.encode()).fetchone()
    return int(str(row[0])) if row else 0


def _seconds(work: Callable[[], object]) -> float:
    began = _spent_s()
    work()
    return _spent_s() - began


def _spent_s() -> float:
    """Processor time so far, of Python and of PostgreSQL."""
    spent = processor_time()
    return spent.python_s + spent.postgres_s
