"""How far a store has come, as a number that only grows: for choosing moments without looking at a clock."""

from typing import LiteralString

import psycopg

# Events stored, by intake and clock, and events that all read models have taken in.
_PROGRESS = """
SELECT (SELECT coalesce(max(notification_id), 0) FROM event_store.stored_events)
     + (SELECT coalesce(min(position), 0) FROM projection.generation WHERE live)
"""
_RECORDS = "SELECT coalesce(sum(accepted + duplicates + conflicts + dead_lettered), 0)::bigint FROM intake.tally"


def progress(dsn: str | None) -> int | None:
    """Events stored plus events projected; None while the database does not answer or has no schema yet."""
    return _number(dsn, _PROGRESS)


def records_taken(dsn: str | None) -> int | None:
    """Records taken in, one way or another; None as above."""
    return _number(dsn, _RECORDS)


def _number(dsn: str | None, query: LiteralString) -> int | None:
    if dsn is None:
        return None
    try:
        with psycopg.connect(dsn, connect_timeout=2) as connection:
            row = connection.execute(query).fetchone()
    except psycopg.Error:
        return None
    return int(row[0]) if row else None
