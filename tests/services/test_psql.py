"""`wattledger psql` finds a psql or says what else will do, and its URL leads where the store is."""

from collections.abc import Mapping

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ledger.database import Role, address_of, may_act_as, reading_url
from projections.schema import migrate
from wattledger.cli import main

URLS: Mapping[str, dict[str, str]] = {
    "postgresql://me:s%40cret@db.example:5433/book?sslmode=require": {
        "user": "me",
        "password": "s@cret",
        "host": "db.example",
        "port": "5433",
        "dbname": "book",
        "sslmode": "require",
    },
    "host=/var/run/postgresql dbname='my book' user=me": {
        "host": "/var/run/postgresql",
        "dbname": "my book",
        "user": "me",
    },
    "host=a,b port=1,2 dbname=book": {"host": "a,b", "port": "1,2", "dbname": "book"},
    "host=::1 dbname=book options='-c work_mem=4MB'": {"host": "::1", "dbname": "book"},
}


@pytest.mark.parametrize(("dsn", "parts"), URLS.items())
def test_the_url_leads_to_the_same_place_and_reads_only(dsn: str, parts: dict[str, str]) -> None:
    read = conninfo_to_dict(reading_url(dsn, Role.READER))
    options = str(read.pop("options"))
    assert options.endswith("-c role=wattledger_reader -c default_transaction_read_only=on")
    assert options.startswith(str(conninfo_to_dict(dsn).get("options") or "-c role"))
    # The port that libpq takes where none is given may stand there.
    assert {name: value for name, value in read.items() if name in parts} == parts
    assert "password" not in conninfo_to_dict(reading_url(dsn, None, with_password=False))


def test_an_address_tells_nothing_of_who_logs_in() -> None:
    assert address_of("postgresql://me:secret@db:5433/book") == "db:5433, database book"


def test_without_a_psql_the_url_is_told(
    database_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(database_url)
    monkeypatch.setenv("WATTLEDGER_DATABASE_URL", database_url)
    # Neither the package with the server's programs is installed nor is any psql on the path.
    monkeypatch.setattr("wattledger.embedded.postgres.find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", "/nonexistent")
    assert main(["psql"]) == 1
    told = capsys.readouterr().err
    assert "there is no psql here: install one, or use another client with postgresql://" in told
    with psycopg.connect(told.split()[-1]) as connection:
        assert connection.execute("SELECT current_user::text").fetchone() == ("wattledger_reader",)


def test_who_is_no_member_of_a_role_may_not_act_as_it(database_url: str) -> None:
    migrate(database_url)
    with psycopg.connect(database_url, autocommit=True) as server:
        server.execute("CREATE ROLE guest LOGIN PASSWORD 'guest'")
        try:
            assert not may_act_as(make_conninfo(database_url, user="guest", password="guest"), Role.READER)
        finally:
            server.execute("DROP ROLE guest")
    assert may_act_as(database_url, Role.READER)
