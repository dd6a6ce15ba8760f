"""Measures disk space: bytes a session by table and index, and what other choices would make of the largest."""

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


@dataclass(frozen=True, slots=True)
class Choice:
    """Another way to store something: what makes the relation `trial.kept` and what it would stand for."""

    name: str
    statements: tuple[str, ...]
    instead_of: tuple[str, ...]


_EVENTS = "event_store.stored_events"
_CHOICES: tuple[Choice, ...] = (
    Choice(
        "events by lz4 from 128 bytes on",
        (
            f"CREATE TABLE trial.kept (LIKE {_EVENTS}) WITH (toast_tuple_target = 128)",
            "ALTER TABLE trial.kept ALTER state SET COMPRESSION lz4, ALTER state SET STORAGE MAIN",
            f"INSERT INTO trial.kept SELECT * FROM {_EVENTS} ORDER BY notification_id",
        ),
        (_EVENTS,),
    ),
    Choice(
        "events by pglz from 128 bytes on",
        (
            f"CREATE TABLE trial.kept (LIKE {_EVENTS}) WITH (toast_tuple_target = 128)",
            "ALTER TABLE trial.kept ALTER state SET COMPRESSION pglz, ALTER state SET STORAGE MAIN",
            f"INSERT INTO trial.kept SELECT * FROM {_EVENTS} ORDER BY notification_id",
        ),
        (_EVENTS,),
    ),
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
        "entries without a hash",
        ("CREATE TABLE trial.kept AS SELECT * FROM book.entry", "ALTER TABLE trial.kept DROP COLUMN hash"),
        ("book.entry",),
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
            size = _tried(connection, choice) if now else None
            if size is not None:
                made.append(Figure(f"{choice.name}: ratio to now", "", (size / now,)))
    return made


def _tried(connection: Connection[TupleRow], choice: Choice) -> int | None:
    """How large it would be; None when this server was built without what the choice needs."""
    connection.execute("CREATE SCHEMA trial")
    try:
        for statement in choice.statements:
            connection.execute(statement.encode())
        row = connection.execute("SELECT pg_table_size('trial.kept')").fetchone()
        return int(row[0]) if row else 0
    except psycopg.errors.FeatureNotSupported:
        return None
    finally:
        connection.execute("DROP SCHEMA trial CASCADE")


def _sizes(connection: Connection[TupleRow]) -> dict[str, int]:
    schemas: Sequence[object] = (list(SCHEMAS),)
    tables: dict[str, int] = dict(connection.execute(_SIZES.encode(), schemas).fetchall())
    return tables | dict(connection.execute(_INDEXES.encode(), schemas).fetchall())
