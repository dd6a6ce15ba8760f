"""A server that may lose what it committed is refused before anything is written to it."""

from collections.abc import Iterator

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier, Literal

from ledger.database import Role, open_connection
from ledger.errors import UnsafeDatabase
from projections.schema import migrate
from tests.support.made_ahead import with_postgres
from tests.support.waiting import wait_until
from wattledger.embedded import EmbeddedPostgres


def set_to(dsn: str, setting: str, value: str) -> None:
    """Give a setting of the whole server a value, and return when new sessions see it."""
    with psycopg.connect(dsn, autocommit=True) as server:
        server.execute(SQL("ALTER SYSTEM SET {} = {}").format(Identifier(setting), Literal(value)))
        server.execute("SELECT pg_reload_conf()")

    def seen() -> bool:
        with psycopg.connect(dsn) as server:
            return server.execute("SELECT current_setting(%s)", (setting,)).fetchone() == (value,)

    wait_until(seen)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """DSN of the superuser of a server of these tests alone, whose settings they change; with a migrated store."""
    with EmbeddedPostgres(with_postgres(tmp_path_factory.mktemp("server"))) as server:
        yield server.dsn


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
def test_a_server_with_the_setting_off_is_neither_migrated_nor_written_to(server: str, setting: str) -> None:
    set_to(server, setting, "on")
    open_connection(server, Role.WRITER).close()
    set_to(server, setting, "off")
    with pytest.raises(UnsafeDatabase, match=f"{setting} is off"):
        migrate(server)
    with pytest.raises(UnsafeDatabase, match=f"{setting} is off"):
        open_connection(server, Role.WRITER)
    set_to(server, setting, "on")


def test_a_database_that_overrides_the_server_is_refused_too(book: str) -> None:
    name = str(conninfo_to_dict(book)["dbname"])
    with psycopg.connect(book, autocommit=True) as server:
        server.execute(SQL("ALTER DATABASE {} SET synchronous_commit = off").format(Identifier(name)))
    with pytest.raises(UnsafeDatabase, match="turn them on"):
        open_connection(book, Role.READER)


def test_a_session_that_asks_for_it_is_refused_too(book: str) -> None:
    with pytest.raises(UnsafeDatabase, match="synchronous_commit is off"):
        open_connection(make_conninfo(book, options="-c synchronous_commit=off"), Role.WRITER)
