"""What somebody with every right forges: an entry that no event asked for, and rows whose guards were off."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import psycopg

from domain.book.journal import Entry, Posting


def forged_entry() -> Entry:
    """Ten thousand in favour of an operator, as a goodwill that nobody granted."""
    return Entry(
        uuid5(NAMESPACE_URL, "forged"),
        "J45",
        datetime(2026, 3, 2, tzinfo=UTC),
        "EUR",
        (Posting("5060", 1_000_000), Posting("2010/OP-A", -1_000_000)),
        uuid5(NAMESPACE_URL, "no event"),
    )


# Every row of the chain computed again from the events that are there by now, and a row for those behind the last.
_WRITE_CHAIN_ANEW = """
DO $$
DECLARE
    link event_store.chain;
    before event_store.chain;
    found record;
BEGIN
    FOR link IN
        SELECT * FROM event_store.chain
        UNION ALL
        SELECT number + 1, last_position + 1, (SELECT max(notification_id) FROM event_store.stored_events), 0,
               pg_current_xact_id(), transaction_timestamp(), clock_timestamp(), 1, hash, NULL
        FROM (SELECT * FROM event_store.chain ORDER BY number DESC LIMIT 1) AS last
        WHERE last_position < (SELECT max(notification_id) FROM event_store.stored_events)
        ORDER BY number
    LOOP
        SELECT count(*) AS events,
               sha256(coalesce(string_agg(event_store.bytes_of_event(event), ''::bytea ORDER BY notification_id), ''))
               AS hash
        INTO found FROM event_store.stored_events AS event
        WHERE notification_id BETWEEN link.first_position AND link.last_position;
        link.total := coalesce(before.total, 0) + found.events;
        link.hash := event_store.hash_of_link(link, before.hash, found.hash);
        DELETE FROM event_store.chain WHERE number = link.number;
        INSERT INTO event_store.chain VALUES (link.*);
        before := link;
    END LOOP;
END
$$
"""
_EVENTS, _CHAIN = "event_store.stored_events", "event_store.chain"


@contextmanager
def unguarded(connection: psycopg.Connection[Any], *tables: str, chained: bool = True) -> Iterator[None]:
    """As somebody with every right: the guards of tables are off in the block, and on again as they were after it.

    Where events were changed the chain is written anew, unless `chained` is false: the block shows what others find.
    """
    chained = chained and _EVENTS in tables
    tables = tuple(dict.fromkeys((*tables, _CHAIN))) if chained else tables
    before = connection.execute(
        "SELECT tgrelid::regclass::text, tgname, tgenabled = 'A' FROM pg_trigger WHERE tgrelid = ANY(%s::regclass[])",
        (list(tables),),
    ).fetchall()
    for table in tables:
        connection.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL".encode())
    yield
    if chained:
        connection.execute(_WRITE_CHAIN_ANEW.encode())
    for table, name, always in before:
        enabled = "ENABLE ALWAYS" if always else "ENABLE"
        connection.execute(f'ALTER TABLE {table} {enabled} TRIGGER "{name}"'.encode())
