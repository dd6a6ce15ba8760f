"""A migrated database for each test of the ledger, connections to it in a role, and a builder of entries."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from domain.book.journal import Entry, Posting
from ledger.database import Role, open_connection
from projections.schema import migrate
from wattledger.embedded import EmbeddedPostgres


@pytest.fixture
def fresh_server(tmp_path: Path) -> Iterator[str]:
    """DSN of the superuser of a PostgreSQL of this test alone, whose roles and settings it may change."""
    with EmbeddedPostgres(tmp_path) as server:
        yield server.dsn


@pytest.fixture
def book(database_url: str) -> str:
    """DSN of a superuser on a migrated database."""
    migrate(database_url)
    return database_url


@pytest.fixture
def session(book: str) -> Iterator[Callable[[Role], Connection[TupleRow]]]:
    """Opens connections in a role; they are closed, and what they left open is rolled back, after the test."""
    with ExitStack() as opened:

        def open_session(role: Role) -> Connection[TupleRow]:
            connection = open_connection(book, role)
            opened.callback(connection.close)
            return connection

        yield open_session


@pytest.fixture
def writer(session: Callable[[Role], Connection[TupleRow]]) -> Connection[TupleRow]:
    """A connection of the writer."""
    return session(Role.WRITER)


@pytest.fixture
def make_entry() -> Callable[..., Entry]:
    """Builds an entry from `("1105/S-1", 1200), ("2011/OP-1", -1200)`, its name and whatever else it should have."""

    def build(*lines: tuple[str, int], name: str = "S-1", **others: Any) -> Entry:
        default: dict[str, Any] = {
            "entry_id": uuid5(NAMESPACE_URL, f"entry:{name}"),
            "kind": "J01",
            "effective_at": datetime(2026, 3, 1, 12, tzinfo=UTC),
            "currency": "EUR",
            "cause": uuid5(NAMESPACE_URL, f"cause:{name}"),
            "session_id": name,
        }
        postings = tuple(Posting(account, amount) for account, amount in lines)
        return Entry(postings=postings, **(default | others))

    return build
