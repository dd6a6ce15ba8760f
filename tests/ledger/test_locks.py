"""Locks are taken by those whose work needs them; whoever only reads can hold nobody up."""

from contextlib import suppress
from typing import Any

import pytest
from psycopg import Error
from psycopg.errors import InsufficientPrivilege

from ledger.database import Role, connect
from ledger.locks import Lock, of_rebuild, try_to_hold
from projections.registry import PROJECTIONS
from projections.roaming.leader import Leader
from tests.support.engine import Engine
from tests.support.freezing import WORKS
from tests.support.waiting import wait_until

# Who takes which; `lock.known` is taken by functions of the owner alone.
TAKEN_BY = {
    Role.WRITER: {Lock.ANCHORS, Lock.BANK_LINES, Lock.CATALOGUE, Lock.CLOCK, Lock.RELAY, Lock.TREASURY},
    Role.BANK: {Lock.BANK_FILES},
    Role.PROJECTOR: {Lock.STATEMENTS, Lock.ROAMING, *map(of_rebuild, [*PROJECTIONS, "roaming"])},
    Role.DOOR: {Lock.PUSHING, Lock.SIGN_IN, Lock.ACTION, Lock.LOGIN},
}
NONE: frozenset[str] = frozenset()
ALL = set(Lock) | {of_rebuild(name) for name in [*PROJECTIONS, "roaming"]}
# What anybody may run in PostgreSQL, with every number that ever was a lock of ours.
ADVISORY = [
    *(f"SELECT pg_advisory_xact_lock({number})" for number in (*range(7400, 7420), 0x574154544C454447)),
    "SELECT pg_advisory_xact_lock(7403, 1)",
    "SELECT pg_advisory_lock(7402, number) FROM generate_series(0, 255) AS number",
    "SELECT projection.settle_known(clock_timestamp())",
    "SELECT roaming.settle()",
    "SELECT pg_advisory_xact_lock(hashtext('wattledger:rebuild'), hashtext(name)) FROM projection.generation",
]


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.OWNER])
def test_a_role_may_take_the_locks_of_its_work_and_no_others(book: str, role: Role) -> None:
    taken = set()
    with connect(book, role, autocommit=True) as connection:
        for lock in ALL:
            with suppress(InsufficientPrivilege), connection.transaction():
                connection.execute(f"LOCK TABLE {lock} IN SHARE MODE".encode())
                taken.add(lock)
    assert taken == TAKEN_BY.get(role, NONE)


def test_what_was_got_by_trying_is_kept_until_the_transaction_ends(book: str) -> None:
    with connect(book, Role.DOOR) as first, connect(book, Role.DOOR) as second:
        assert try_to_hold(first, Lock.PUSHING)
        assert not try_to_hold(second, Lock.PUSHING)
        first.rollback()
        assert try_to_hold(second, Lock.PUSHING)


def test_of_two_that_may_lead_one_does_until_it_is_gone(book: str) -> None:
    with Leader(book) as second:
        with Leader(book) as first:
            assert first.leads()
            assert not second.leads()
            assert first.leads()
        # The server ends a session some time after its client has hung up.
        wait_until(second.leads)


def test_the_system_goes_on_whatever_who_only_reads_holds(database_url: str) -> None:
    Engine(database_url).close()
    readers: list[Any] = []
    for role in (Role.READER, Role.TENANT, Role.AUDITOR, Role.BANK):
        connection = connect(database_url, role)
        readers.append(connection)
        session = connection.__enter__()
        for statement in (*ADVISORY, *(f"LOCK TABLE {lock} IN ACCESS SHARE MODE" for lock in ALL)):
            # What is refused is undone, and what is held by another one is not waited for.
            with suppress(Error), session.transaction():
                session.execute(b"SET LOCAL lock_timeout = '50ms'")
                session.execute(statement.encode())
    try:
        for work in WORKS.values():
            work(f"{database_url}?options=-c%20lock_timeout%3D5s")
    finally:
        for connection in readers:
            connection.__exit__(None, None, None)
