"""The login of the HTTP server may act in the roles that are shown outside, and is nothing by itself."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.errors import InsufficientPrivilege
from psycopg.sql import SQL, Identifier

from ledger.database import Role
from ledger.errors import RoleRefused
from ledger.login import SHOWN_BY, surface_login
from projections.schema import migrate
from tests.support.library import login as login_of

Session = psycopg.Connection[Any]

READS = [
    "SELECT FROM book.entry",
    "SELECT FROM book.posting",
    "SELECT FROM book.balance",
    "SELECT FROM event_store.stored_events",
    "SELECT FROM intake.line",
    "SELECT FROM intake.catalogue",
    "SELECT FROM projection.sessions",
    "SELECT FROM projection.payout_row",
    "SELECT FROM projection.generation",
    "SELECT FROM masked.payouts",
    "SELECT FROM surface.entries",
    "SELECT FROM surface.payouts",
    "SELECT FROM wattledger.migration",
    "CALL surface.keep_apart('projection.session_row')",
]
WRITES = [
    "INSERT INTO book.entry (entry_id) VALUES (gen_random_uuid())",
    "INSERT INTO event_store.stored_events (originator_id) VALUES (gen_random_uuid())",
    "INSERT INTO projection.session_row (session_id) VALUES ('S-1')",
    "INSERT INTO projection.known (position, known_at) VALUES (1, now())",
    "UPDATE projection.session_row SET operator_id = 'OP-1'",
    "UPDATE projection.generation SET position = 0",
    "DELETE FROM projection.payout_row",
    "UPDATE intake.line SET payout_id = NULL",
    "TRUNCATE projection.session_row",
    "ALTER TABLE projection.session_row DISABLE ROW LEVEL SECURITY",
    "ALTER VIEW projection.sessions RESET (security_invoker)",
    "CREATE TABLE projection.mine (id int)",
    "CREATE VIEW surface.mine AS SELECT 1",
    "CREATE SCHEMA mine",
    "SELECT event_store.lock_for_append()",
]
OTHER_ROLES = [role for role in Role if role not in SHOWN_BY]


@pytest.fixture(scope="module")
def book(postgres_dsn: str) -> Iterator[str]:
    """DSN of a superuser on a migrated database; nothing is written to it."""
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE surface_login")
        dsn = f"{postgres_dsn.rpartition('/')[0]}/surface_login"
        migrate(dsn)
        yield dsn
        connection.execute("DROP DATABASE surface_login WITH (FORCE)")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("surface")


@pytest.fixture(scope="module")
def dsn(book: str, folder: Path) -> Iterator[str]:
    """The DSN of the login, made by the superuser."""
    made = surface_login(book, folder)
    yield made
    drop(book, made)


def drop(superuser: str, dsn: str) -> None:
    """Drop the login of a DSN."""
    name = Identifier(str(conninfo_to_dict(dsn)["user"]))
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute(SQL("DROP OWNED BY {}").format(name))
        connection.execute(SQL("DROP ROLE {}").format(name))


@pytest.fixture(scope="module")
def session(dsn: str) -> Iterator[Session]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("statement", READS + WRITES)
def test_the_login_alone_reads_and_writes_nothing(session: Session, statement: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        session.execute(statement.encode())


@pytest.mark.parametrize("role", SHOWN_BY)
@pytest.mark.parametrize("left", ["SET ROLE NONE", "RESET ROLE", "SET SESSION AUTHORIZATION DEFAULT", "RESET ALL"])
def test_who_leaves_the_role_is_nobody(dsn: str, role: Role, left: str) -> None:
    with psycopg.connect(dsn, options=f"-c role={role.value}", autocommit=True) as connection:
        connection.execute(left.encode())
        now = connection.execute("SELECT current_user::text").fetchone()
        assert now in [(conninfo_to_dict(dsn)["user"],), (role.value,)]
        connection.execute("SET ROLE NONE")
        with pytest.raises(InsufficientPrivilege):
            connection.execute("SELECT FROM projection.sessions")


@pytest.mark.parametrize("role", SHOWN_BY)
@pytest.mark.parametrize("statement", WRITES)
def test_no_role_that_it_takes_writes_to_book_events_or_read_models(dsn: str, role: Role, statement: str) -> None:
    with (
        psycopg.connect(dsn, options=f"-c role={role.value}", autocommit=True) as connection,
        pytest.raises(InsufficientPrivilege),
    ):
        connection.execute(statement.encode())


@pytest.mark.parametrize("role", OTHER_ROLES)
def test_it_takes_no_other_role_of_the_ledger(session: Session, role: Role) -> None:
    with pytest.raises(InsufficientPrivilege):
        session.execute(SQL("SET ROLE {}").format(Identifier(role.value)))


def test_it_is_no_superuser_and_above_no_rule(session: Session) -> None:
    attributes = session.execute(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication, rolinherit FROM pg_roles "
        "WHERE rolname = session_user"
    )
    assert attributes.fetchall() == [(False,) * 6]


def test_it_is_made_once_for_a_folder_that_nobody_else_reads(
    book: str, dsn: str, folder: Path, tmp_path: Path
) -> None:
    (path,) = folder.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert surface_login(book, folder) == dsn
    other = surface_login(book, tmp_path)
    assert other != dsn
    drop(book, other)
    kept = json.loads(path.read_text("utf-8"))
    with psycopg.connect(book) as superuser:
        stored = superuser.execute("SELECT rolpassword FROM pg_authid WHERE rolname = %s", (kept["user"],)).fetchone()
    assert stored is not None
    assert stored[0].startswith("SCRAM-SHA-256$")


def test_what_was_done_to_it_is_undone_at_the_next_start(book: str, dsn: str, folder: Path) -> None:
    name = Identifier(str(conninfo_to_dict(dsn)["user"]))
    with psycopg.connect(book, autocommit=True) as superuser:
        superuser.execute(SQL("GRANT wattledger_writer TO {}").format(name))
        superuser.execute(SQL("ALTER ROLE {} INHERIT PASSWORD 'another'").format(name))
    assert surface_login(book, folder) == dsn
    with psycopg.connect(dsn, autocommit=True) as connection, pytest.raises(InsufficientPrivilege):
        connection.execute("SET ROLE wattledger_writer")


def test_a_login_of_its_roles_alone_is_used_as_it_is(book: str, tmp_path: Path) -> None:
    with login_of(book, *SHOWN_BY, inherits=False) as dsn:
        assert surface_login(dsn, tmp_path) == dsn
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("done", "reason"),
    [
        ("GRANT wattledger_auditor, wattledger_tenant TO {} WITH INHERIT FALSE", "may not act as wattledger_door"),
        ("GRANT wattledger_auditor, wattledger_tenant, wattledger_door TO {}", "it is INHERIT"),
        ("GRANT wattledger_writer TO {} WITH INHERIT FALSE", "it is a member of wattledger_writer too"),
        ("ALTER ROLE {} BYPASSRLS", "it is BYPASSRLS"),
        ("GRANT SELECT ON book.entry TO {}", "given rights by name"),
    ],
)
def test_a_login_that_is_more_or_less_is_refused_with_what_a_superuser_has_to_say(
    book: str, tmp_path: Path, done: str, reason: str
) -> None:
    with login_of(book) as dsn:
        name = Identifier(str(conninfo_to_dict(dsn)["user"]))
        with psycopg.connect(book, autocommit=True) as superuser:
            superuser.execute(SQL(done).format(name))
        with pytest.raises(RoleRefused, match=reason) as refused:
            surface_login(dsn, tmp_path)
        assert "as a superuser: CREATE ROLE NAME LOGIN NOINHERIT" in str(refused.value)


def test_who_may_make_roles_and_is_no_superuser_makes_it_too(fresh_server: str, tmp_path: Path) -> None:
    """As on a rented server, where nobody who asks is a superuser."""
    with psycopg.connect(fresh_server, autocommit=True) as superuser:
        superuser.execute("CREATE ROLE tenant_of_the_cloud LOGIN CREATEROLE PASSWORD 'rented'")
        superuser.execute("CREATE DATABASE rented OWNER tenant_of_the_cloud")
    rented = make_conninfo(fresh_server, user="tenant_of_the_cloud", password="rented", dbname="rented")
    migrate(rented)
    dsn = surface_login(rented, tmp_path)
    assert surface_login(rented, tmp_path) == dsn
    with psycopg.connect(dsn, options="-c role=wattledger_auditor") as connection:
        connection.execute("SELECT FROM surface.entries")
