"""Measures disk space: bytes a session by table and index, and what other choices would make of the largest."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg
from psycopg import Connection
from psycopg.rows import TupleRow

from benchmarks.figures import Figure
from benchmarks.recording import SCHEMAS

# Tables with what their rows and long values take, maps of free space and visibility included.
_SIZES = """
SELECT ns.nspname || '.' || class.relname, pg_table_size(class.oid)
FROM pg_class AS class JOIN pg_namespace AS ns ON ns.oid = class.relnamespace
WHERE ns.nspname = ANY(%s) AND class.relkind = 'r'
ORDER BY 1
"""
_INDEXES = """
SELECT ns.nspname || '.' || class.relname, pg_relation_size(class.oid)
FROM pg_class AS class JOIN pg_namespace AS ns ON ns.oid = class.relnamespace
WHERE ns.nspname = ANY(%s) AND class.relkind = 'i'
ORDER BY 1
"""
# What takes less than this of a session's bytes is summed up.
_SHOWN_BYTES = 20


_LINES_OF_ENTRIES = """
CREATE VIEW trial.lines AS
SELECT entry_id, array_agg(account ORDER BY line) AS accounts, array_agg(amount_minor ORDER BY line) AS amounts
FROM book.posting GROUP BY entry_id
"""


@dataclass(frozen=True, slots=True)
class Choice:
    """Another way to store something: what makes the relation `trial.kept` and what it would stand for."""

    name: str
    statements: tuple[str, ...]
    instead_of: tuple[str, ...]


_EVENTS = "event_store.stored_events"
_SAMPLE = "SELECT topic, state FROM event_store.stored_events ORDER BY notification_id LIMIT %s"
_SAMPLE_ROWS, _WINDOW_BYTES = 50_000, 32_768
# Header, line pointer, stream, version and position of an event.
_ROW_BYTES = 24 + 4 + 16 + 8 + 8
_CHOICES: tuple[Choice, ...] = (
    Choice(
        "events with a number for the stream and for the topic",
        (
            "CREATE TABLE trial.kept (stream bigint, position bigint, version int, topic smallint, state bytea)",
            f"INSERT INTO trial.kept SELECT 0, notification_id, originator_version, 0, state FROM {_EVENTS}",
        ),
        (_EVENTS,),
    ),
    Choice(
        "stream index over numbers",
        (
            f"CREATE TABLE trial.source AS SELECT notification_id / 16 AS stream, originator_version FROM {_EVENTS}",
            "CREATE INDEX kept ON trial.source (stream, originator_version)",
        ),
        ("event_store.stored_events_pkey",),
    ),
    Choice(
        "BRIN on positions",
        (
            f"CREATE TABLE trial.source AS SELECT notification_id FROM {_EVENTS} ORDER BY notification_id",
            "CREATE INDEX kept ON trial.source USING brin (notification_id)",
        ),
        ("event_store.stored_events_notification_id_idx",),
    ),
    Choice(
        "BRIN on effective times",
        (
            "CREATE TABLE trial.source AS SELECT effective_at FROM book.entry",
            "CREATE INDEX kept ON trial.source USING brin (effective_at)",
        ),
        ("book.entry_effective_at_idx",),
    ),
    Choice(
        "deduplication keys of 8 bytes instead of 16",
        ("CREATE TABLE trial.kept AS SELECT hashtextextended(key::text, 1) AS key, digest FROM intake.message",),
        ("intake.message",),
    ),
    Choice(
        "entry and transaction in one index instead of two",
        (
            "CREATE TABLE trial.source AS SELECT entry_id, tx FROM book.entry",
            "CREATE INDEX kept ON trial.source (entry_id) INCLUDE (tx)",
        ),
        ("book.entry_pkey", "book.entry_tx_key"),
    ),
    Choice(
        "postings as arrays in their entries",
        (
            _LINES_OF_ENTRIES,
            "CREATE TABLE trial.kept AS SELECT * FROM book.entry JOIN trial.lines USING (entry_id)",
        ),
        ("book.entry", "book.posting", "book.posting_pkey", "book.entry_tx_key"),
    ),
)


def bytes_per_session(dsn: str, sessions: int) -> list[Figure]:
    """What each table and index takes of a database with so many sessions in it; small ones in one sum."""
    with psycopg.connect(dsn) as connection:
        found = _sizes(connection)
    shown = {name: size / sessions for name, size in found.items() if size / sessions >= _SHOWN_BYTES}
    total = sum(found.values()) / sessions
    ordered = sorted(shown.items(), key=lambda each: -each[1])
    rest = ("everything else", total - sum(shown.values()))
    return [Figure(name, "bytes a session", (size,)) for name, size in [("in all", total), *ordered, rest]]


def other_choices(dsn: str) -> list[Figure]:
    """How large relations would be under other choices, as a ratio to what they stand for."""
    made = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        sizes = _sizes(connection)
        for choice in _CHOICES:
            now = sum(sizes.get(name, 0) for name in choice.instead_of)
            if now:
                made.append(Figure(f"{choice.name}: ratio to now", "", (_tried(connection, choice) / now,)))
        made.append(Figure("states of events by zlib with a dictionary: ratio to now", "", (_zipped(connection),)))
    return made


def _zipped(connection: Connection[TupleRow]) -> float:
    """What compressing each state by itself makes of a sample of events, given what states have in common."""
    found = connection.execute(_SAMPLE.encode(), (_SAMPLE_ROWS,)).fetchall()
    by_topic: dict[str, bytes] = dict(found)
    # What is likeliest to be found again stands at the end of a dictionary.
    dictionary = b"".join(state for _, state in sorted(by_topic.items(), key=lambda each: -len(each[1])))
    packed = 0
    for topic, state in found:
        compressor = zlib.compressobj(level=6, wbits=-15, zdict=dictionary[-_WINDOW_BYTES:])
        packed += _ROW_BYTES + len(topic) + len(compressor.compress(state) + compressor.flush())
    return packed / sum(_ROW_BYTES + len(topic) + len(state) for topic, state in found)


def _tried(connection: Connection[TupleRow], choice: Choice) -> int:
    connection.execute("CREATE SCHEMA trial")
    try:
        for statement in choice.statements:
            connection.execute(statement.encode())
        row = connection.execute("SELECT pg_table_size('trial.kept')").fetchone()
        return int(row[0]) if row else 0
    finally:
        connection.execute("DROP SCHEMA trial CASCADE")


def _sizes(connection: Connection[TupleRow]) -> dict[str, int]:
    schemas: Sequence[object] = (list(SCHEMAS),)
    tables: dict[str, int] = dict(connection.execute(_SIZES.encode(), schemas).fetchall())
    return tables | dict(connection.execute(_INDEXES.encode(), schemas).fetchall())
