"""Every door to the database tells one fault when the server is gone, whatever psycopg makes of it."""

from collections.abc import Callable

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.sql import SQL, Identifier

from ledger.database import Role, acting_as, connect, database_faults, make_database, open_connection
from ledger.errors import MachineryFault, RoleRefused
from ledger.gateway import Gateway
from projections.rebuild import rebuild
from projections.runner import catch_up
from projections.schema import migrate
from tests.support.library import login

NOBODY = "postgresql://somebody@127.0.0.1:9/nothing"


def transaction(dsn: str) -> None:
    with Gateway(dsn).transaction():
        pytest.fail("there is no server")


DOORS: tuple[Callable[[str], object], ...] = (
    lambda dsn: open_connection(dsn, Role.READER),
    transaction,
    migrate,
    catch_up,
    rebuild,
)


@pytest.mark.parametrize("door", DOORS)
def test_a_server_that_is_not_there_is_a_fault_of_the_machinery(door: Callable[[str], object]) -> None:
    with pytest.raises(MachineryFault, match=r"does not answer: .*127\.0\.0\.1.*; check WATTLEDGER_DATABASE_URL"):
        door(NOBODY)


def test_a_database_is_made_once_and_what_is_in_it_stays(database_url: str) -> None:
    name = 'made for "us"'
    inside = make_conninfo(database_url, dbname=name)
    try:
        make_database(database_url, name)
        with psycopg.connect(inside) as connection:
            connection.execute("CREATE TABLE kept ()")
        make_database(database_url, name)
        with psycopg.connect(inside) as connection:
            connection.execute("SELECT FROM kept")
    finally:
        with psycopg.connect(database_url, autocommit=True) as superuser:
            superuser.execute(SQL("DROP DATABASE IF EXISTS {}").format(Identifier(name)))


def test_a_database_that_the_server_does_not_make_is_told_with_its_reason(database_url: str) -> None:
    with pytest.raises(MachineryFault, match="cannot be made: zero-length delimited identifier"):
        make_database(database_url, "")
    with pytest.raises(MachineryFault, match=r"cannot be made: .*127\.0\.0\.1"):
        make_database(NOBODY, "any")


def test_a_login_that_may_not_act_in_a_role_is_told_what_lets_it(book: str) -> None:
    lets_it = (
        r"^login_\d+ is no member of wattledger_bank, which this takes; as a superuser: GRANT wattledger_bank TO"
    )
    with login(book, Role.PROJECTOR) as dsn:
        with pytest.raises(RoleRefused, match=lets_it):
            open_connection(dsn, Role.BANK)
        with (
            connect(dsn, Role.PROJECTOR) as connection,
            pytest.raises(RoleRefused, match=lets_it),
            acting_as(connection.cursor(), Role.BANK),
        ):
            pytest.fail("it may not")


def test_another_role_is_taken_for_a_part_of_a_transaction(book: str) -> None:
    acting = "SELECT current_user::text"
    with connect(book, Role.PROJECTOR) as connection, connection.cursor() as cursor:
        with acting_as(cursor, Role.BANK):
            assert cursor.execute(acting).fetchone() == (Role.BANK.value,)
        assert cursor.execute(acting).fetchone() == (Role.PROJECTOR.value,)
        with pytest.raises(ValueError, match="on the way"), acting_as(cursor, Role.BANK):
            raise ValueError("on the way")
        connection.rollback()
        assert cursor.execute(acting).fetchone() == (Role.PROJECTOR.value,)


def cut_off(book: str) -> None:
    with psycopg.connect(book, autocommit=True) as superuser, connect(book, Role.READER) as reader:
        superuser.execute("SELECT pg_terminate_backend(%s, 60000)", (reader.info.backend_pid,))
        reader.execute("SELECT 1")


def closed(book: str) -> None:
    with connect(book, Role.READER) as reader:
        reader.close()
        reader.execute("SELECT 1")


@pytest.mark.parametrize("use", [cut_off, closed])
def test_a_connection_that_is_gone_is_a_fault_of_the_machinery_too(use: Callable[[str], None], book: str) -> None:
    with pytest.raises(MachineryFault):
        use(book)


@pytest.mark.parametrize("statement", ["SELECT repeat('too long', 1_000_000_000)", "SELECT lastval()"])
def test_work_that_no_server_takes_is_no_fault_of_the_machinery(statement: str, book: str) -> None:
    gateway = Gateway(book)
    with pytest.raises(psycopg.OperationalError), gateway.transaction() as cursor:
        cursor.execute(statement)
    with gateway.transaction() as cursor:
        assert cursor.execute("SELECT 'goes on'").fetchone() == ("goes on",)
    gateway.close()


@pytest.mark.parametrize(
    "code", ["08006", "28P01", "40001", "40P01", "53100", "55006", "55P03", "57014", "57P01", "57P03", "58030"]
)
def test_what_a_server_says_of_its_own_state_is_a_fault_of_the_machinery(code: str) -> None:
    with pytest.raises(MachineryFault), database_faults():
        raise psycopg.errors.lookup(code)


@pytest.mark.parametrize("code", ["27000", "38000", "54000", "54001", "54011", "54023", "55000", "55P02", "55P04"])
def test_what_a_server_says_of_the_work_is_not(code: str) -> None:
    with pytest.raises(psycopg.errors.lookup(code)), database_faults():
        raise psycopg.errors.lookup(code)


def test_a_fault_of_others_leaves_the_connection_as_it_is(book: str) -> None:
    gateway = Gateway(book)
    shard = gateway.shard
    with gateway.transaction() as cursor:
        before = cursor.connection.info.backend_pid
    with pytest.raises(MachineryFault, match="brokers"), gateway.transaction():
        raise MachineryFault("the brokers are away")
    with gateway.transaction() as cursor:
        assert cursor.connection.info.backend_pid == before
    assert gateway.shard == shard
    gateway.close()
