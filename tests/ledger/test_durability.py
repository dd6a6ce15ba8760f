"""A server that may lose what it committed is refused before anything is written to it."""

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

from ledger.database import Role, open_connection
from ledger.errors import UnsafeDatabase
from projections.schema import migrate


def turn_off(dsn: str, setting: str) -> None:
    """Turn a setting of the whole server off and return when new sessions see it."""
    with psycopg.connect(dsn, autocommit=True) as server:
        server.execute(SQL("ALTER SYSTEM SET {} = off").format(Identifier(setting)))
        server.execute("SELECT pg_reload_conf()")
    while True:
        with psycopg.connect(dsn) as server:
            if server.execute("SELECT current_setting(%s)", (setting,)).fetchone() == ("off",):
                return


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
def test_a_server_with_the_setting_off_is_neither_migrated_nor_written_to(fresh_server: str, setting: str) -> None:
    migrate(fresh_server)
    turn_off(fresh_server, setting)
    with pytest.raises(UnsafeDatabase, match=f"{setting} is off"):
        migrate(fresh_server)
    with pytest.raises(UnsafeDatabase, match=f"{setting} is off"):
        open_connection(fresh_server, Role.WRITER)


def test_a_database_that_overrides_the_server_is_refused_too(book: str) -> None:
    name = str(conninfo_to_dict(book)["dbname"])
    with psycopg.connect(book, autocommit=True) as server:
        server.execute(SQL("ALTER DATABASE {} SET synchronous_commit = off").format(Identifier(name)))
    with pytest.raises(UnsafeDatabase, match="turn them on"):
        open_connection(book, Role.READER)


def test_a_session_that_asks_for_it_is_refused_too(book: str) -> None:
    with pytest.raises(UnsafeDatabase, match="synchronous_commit is off"):
        open_connection(make_conninfo(book, options="-c synchronous_commit=off"), Role.WRITER)
