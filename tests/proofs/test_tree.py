"""The tree over the entries grows by what was committed, each entry once, and nobody who writes waits for it."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg.errors import InsufficientPrivilege, OperationalError, RestrictViolation

from domain.book.journal import Entry
from ledger.audit import Outside
from ledger.audit.anchors import check_anchors
from ledger.audit.report import Tally
from ledger.audit.snapshot import open_snapshot
from ledger.book.anchors import Anchor, Reason, SignerOf, anchor, anchors_behind, is_time, make_anchor
from ledger.book.journal import write_entries
from ledger.book.proofs import NotProved, consistency, inclusion, leaves
from ledger.database import Role, connect, open_connection
from ledger.errors import MachineryFault
from ledger.gateway import Gateway
from ledger.vigil import Session
from projections.proofs import check
from tests.conftest import Stores
from tests.support.examples import examples

Make = Callable[[int], list[Entry]]


@pytest.fixture
def gateway(database_url: str) -> Iterator[Gateway]:
    """The way to an empty store."""
    gateway = Gateway(database_url)
    yield gateway
    gateway.close()


def _write(gateway: Gateway, entries: list[Entry]) -> list[UUID]:
    with gateway.transaction() as cursor:
        write_entries(cursor, entries, gateway.shard)
    return [each.entry_id for each in entries]


def _anchor(gateway: Gateway, signer_of: SignerOf, reason: Reason = Reason.BATCH) -> Anchor | None:
    return anchor(gateway, reason, signer_of, "UTC")


def _tree(gateway: Gateway) -> list[UUID]:
    with gateway.transaction() as cursor:
        return [each.row.entry_id for each in leaves(cursor, 1 << 40)]


def _found(dsn: str) -> list[str]:
    tally = Tally()
    with open_snapshot(dsn) as snapshot:
        check_anchors(snapshot, Outside(), tally)
    return [finding.sentence for finding in tally.findings]


def test_anchors_follow_each_other_and_prove_every_entry(
    gateway: Gateway, database_url: str, signer_of: SignerOf, entries: Make
) -> None:
    known: list[UUID] = []
    for count in (1, 2, 5, 9, 16):
        known += _write(gateway, entries(count))
        made = _anchor(gateway, signer_of)
        assert made is not None
        assert made.tree_size == len(known)
    assert _anchor(gateway, signer_of) is None, "nothing is new"
    assert sorted(_tree(gateway)) == sorted(known)
    with gateway.transaction() as cursor:
        anchors = list(anchors_behind(cursor, 0, 10))
        assert [each.number for each in anchors] == [1, 2, 3, 4, 5]
        keys = check.Keys({anchors[0].key_id: signer_of(cursor).public_key})  # type: ignore[attr-defined]
        for entry_id in known:
            check.check_proof(inclusion(cursor, entry_id), "a proof", keys)
        for old in range(1, 6):
            for new in range(old, 6):
                check.check_proof(consistency(cursor, old, new), "a proof", keys)
    assert _found(database_url) == []


def test_a_close_is_anchored_though_nothing_is_new(
    gateway: Gateway, database_url: str, signer_of: SignerOf, entries: Make
) -> None:
    empty = _anchor(gateway, signer_of, Reason.CLOSE)
    assert empty is not None
    assert empty.tree_size == 0
    _write(gateway, entries(3))
    first, second = (_anchor(gateway, signer_of, Reason.CLOSE) for _ in range(2))
    assert first is not None
    assert second is not None
    assert (first.tree_size, first.root) == (second.tree_size, second.root)
    assert _found(database_url) == []


def test_what_commits_after_an_anchor_is_in_the_next_one_exactly_once(
    gateway: Gateway, database_url: str, signer_of: SignerOf, entries: Make
) -> None:
    _write(gateway, entries(1))
    _anchor(gateway, signer_of)
    with ExitStack() as opened:
        held: list[tuple[Session, list[UUID]]] = []
        for shard in range(1, 4):
            # Each has written before what comes next, and commits after the anchor of that.
            connection = opened.enter_context(open_connection(database_url, Role.WRITER))
            mine = entries(2)
            write_entries(connection.cursor(), mine, shard)
            held.append((connection, [each.entry_id for each in mine]))
            _write(gateway, entries(3))
            assert _anchor(gateway, signer_of) is not None
            assert not {each for _, ids in held for each in ids} & set(_tree(gateway))
        before = _tree(gateway)
        for connection, ids in reversed(held):
            connection.commit()
            made = _anchor(gateway, signer_of)
            assert made is not None
            assert made.tree_size == len(before) + len(ids)
            now = _tree(gateway)
            assert now[: len(before)] == before, "what is in the tree stays where it is"
            assert set(now[len(before) :]) == set(ids)
            before = now
    assert _anchor(gateway, signer_of) is None
    assert _found(database_url) == []


def test_the_first_anchor_of_a_book_waits_for_who_writes_and_keeps_nobody_long(
    gateway: Gateway, database_url: str, signer_of: SignerOf, entries: Make
) -> None:
    with open_connection(database_url, Role.WRITER) as held:
        write_entries(held.cursor(), entries(1), 1)
        with pytest.raises(MachineryFault):
            _anchor(gateway, signer_of)
        _write(gateway, entries(1))
        held.commit()
    made = _anchor(gateway, signer_of)
    assert made is not None
    assert made.tree_size == 2


def test_what_is_rolled_back_is_in_no_tree(gateway: Gateway, signer_of: SignerOf, entries: Make) -> None:
    with connect(gateway._dsn, Role.WRITER) as connection:
        write_entries(connection.cursor(), entries(2), 1)
        connection.rollback()
    kept = _write(gateway, entries(1))
    _anchor(gateway, signer_of)
    assert _tree(gateway) == kept


def test_who_writes_does_not_wait_for_an_anchor_that_is_under_way(
    gateway: Gateway, database_url: str, signer_of: SignerOf, entries: Make
) -> None:
    first = _write(gateway, entries(4))
    with connect(database_url, Role.WRITER) as connection:
        cursor = connection.cursor()
        assert make_anchor(cursor, Reason.BATCH, signer_of) is not None
        # Not committed yet: entries come in meanwhile, and whoever else anchors is kept waiting and not let through.
        with gateway.transaction() as other:
            other.execute("SET LOCAL lock_timeout = '2s'")
            second = entries(4)
            write_entries(other, second, gateway.shard)
        connection.commit()
    assert sorted(_tree(gateway)) == sorted(first)
    _anchor(gateway, signer_of)
    assert sorted(_tree(gateway)) == sorted([*first, *(each.entry_id for each in second)])


def test_an_anchor_that_is_killed_between_tree_and_signature_leaves_nothing(
    gateway: Gateway, database_url: str, signer_of: SignerOf, entries: Make
) -> None:
    written = _write(gateway, entries(5))

    def killed(_cursor: Any) -> Any:
        raise KeyboardInterrupt

    for _ in range(3):
        with pytest.raises(KeyboardInterrupt), gateway.transaction() as cursor:
            make_anchor(cursor, Reason.BATCH, killed)
        assert _tree(gateway) == []
    with open_connection(database_url, Role.WRITER) as connection:
        make_anchor(connection.cursor(), Reason.BATCH, signer_of)
        with psycopg.connect(database_url, autocommit=True) as killer:
            killer.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
        with pytest.raises(OperationalError):
            connection.commit()
    assert _tree(gateway) == []
    made = _anchor(gateway, signer_of)
    assert made is not None
    assert (made.number, made.tree_size) == (1, 5)
    assert sorted(_tree(gateway)) == sorted(written)
    assert _found(database_url) == []


def test_a_store_that_was_moved_to_another_cluster_goes_on(
    gateway: Gateway, database_url: str, signer_of: SignerOf, entries: Make
) -> None:
    _write(gateway, entries(3))
    _anchor(gateway, signer_of)
    # The other one has counted further: what comes here looks older than what there was.
    with psycopg.connect(database_url) as connection:
        connection.execute("ALTER TABLE book.tree DISABLE TRIGGER append_only")
        connection.execute("UPDATE book.tree SET cluster = cluster + 1, horizon = '9000000'")
        connection.execute("ALTER TABLE book.tree ENABLE ALWAYS TRIGGER append_only")
    new = _write(gateway, entries(2))
    made = _anchor(gateway, signer_of)
    assert made is not None
    assert set(_tree(gateway)[3:]) == set(new)
    assert _found(database_url) == []


def test_it_is_time_for_an_anchor_once_there_are_new_entries(
    gateway: Gateway, signer_of: SignerOf, entries: Make
) -> None:
    def due(every: timedelta) -> bool:
        with gateway.transaction() as cursor:
            return is_time(cursor, every)

    assert not due(timedelta(0)), "there is no entry"
    _write(gateway, entries(1))
    assert due(timedelta(0))
    assert not due(timedelta(hours=1))
    _anchor(gateway, signer_of, Reason.TIME)
    assert not due(timedelta(0))


def test_what_cannot_be_proved_says_why(gateway: Gateway, signer_of: SignerOf, entries: Make) -> None:
    known = _write(gateway, entries(1))
    for entry_id, said in ((known[0], "is in no anchor yet"), (UUID(int=1), "is not in this book")):
        with gateway.transaction() as cursor, pytest.raises(NotProved, match=said):
            inclusion(cursor, entry_id)
    with gateway.transaction() as cursor, pytest.raises(NotProved, match="none was made yet"):
        consistency(cursor, 1, 2)
    _anchor(gateway, signer_of)
    late = _write(gateway, entries(1))
    _anchor(gateway, signer_of)
    for old, new, said in ((2, 1, "name the older one first"), (1, 3, "they are 1 to 2")):
        with gateway.transaction() as cursor, pytest.raises(NotProved, match=said):
            consistency(cursor, old, new)
    with gateway.transaction() as cursor:
        assert inclusion(cursor, late[0])["tree_size"] == 2


def test_nobody_writes_the_tree_but_by_its_function(database_url: str) -> None:
    for statement in (
        "INSERT INTO book.leaf VALUES (0, sha256(''), gen_random_uuid())",
        "INSERT INTO book.tree_node VALUES (1, 0, sha256(''))",
        "INSERT INTO book.tree VALUES (0, sha256(''), '1', 1, now())",
        "DELETE FROM book.leaf",
        "UPDATE book.anchor SET reason = 'TIME'",
        "DELETE FROM book.anchor_key",
    ):
        with connect(database_url, Role.WRITER) as connection, pytest.raises(InsufficientPrivilege):
            connection.execute(statement.encode())
    for role in (Role.PROJECTOR, Role.READER, Role.AUDITOR):
        with connect(database_url, role) as connection, pytest.raises(InsufficientPrivilege):
            connection.execute("SELECT book.grow_tree()")
    for table in ("leaf", "tree_node", "tree", "anchor", "anchor_key"):
        with psycopg.connect(database_url, options="-c session_replication_role=replica") as superuser:
            with pytest.raises(RestrictViolation):
                superuser.execute(f"TRUNCATE book.{table} CASCADE".encode())
            superuser.rollback()


@pytest.fixture(scope="module")
def one_store(stores: Stores) -> Iterator[str]:
    """A store that all examples grow."""
    with stores() as dsn:
        yield dsn


def test_in_any_order_of_writing_holding_and_anchoring_each_entry_is_there_once(
    one_store: str, signer_of: SignerOf, entries: Make
) -> None:
    gateway, committed, shards = Gateway(one_store), list[UUID](), itertools.cycle(range(100, 200))

    @settings(max_examples=examples(15))
    @given(st.lists(st.sampled_from(["write", "hold", "commit", "roll back", "anchor", "kill"]), max_size=20))
    def story(steps: list[str]) -> None:
        with ExitStack() as opened:
            held: list[tuple[Session, list[UUID]]] = []
            for step in [*steps, "anchor"]:
                _take(step, opened, held)
            for connection, _ in held:
                connection.rollback()
        tree = _tree(gateway)
        assert len(tree) == len(set(tree))
        assert set(tree) == set(committed)

    def _take(step: str, opened: ExitStack, held: list[tuple[Session, list[UUID]]]) -> None:
        if step == "write":
            committed.extend(_write(gateway, entries(2)))
        elif step == "hold" and len(held) < 4:
            connection = opened.enter_context(open_connection(one_store, Role.WRITER))
            mine = entries(2)
            write_entries(connection.cursor(), mine, next(shards))
            held.append((connection, [each.entry_id for each in mine]))
        elif step in ("commit", "roll back") and held:
            connection, ids = held.pop(0)
            (connection.commit if step == "commit" else connection.rollback)()
            committed.extend(ids if step == "commit" else [])
        elif step == "anchor":
            _anchor(gateway, signer_of)
        elif step == "kill":
            with connect(one_store, Role.WRITER) as connection:
                make_anchor(connection.cursor(), Reason.BATCH, signer_of)
                connection.rollback()

    story()
    gateway.close()
    assert _found(one_store) == []


def test_a_leaf_names_the_period_in_the_zone_of_the_book(
    gateway: Gateway, database_url: str, signer_of: SignerOf, entries: Make
) -> None:
    _write(gateway, entries(1))
    anchor(gateway, Reason.BATCH, signer_of, "Europe/Berlin")
    with gateway.transaction() as cursor:
        (leaf,) = leaves(cursor, 1)
    assert leaf.row.effective_at == datetime(2026, 3, 31, 23, 30, tzinfo=UTC)
    assert leaf.booked_in == "2026-04"
    assert _found(database_url) == []
