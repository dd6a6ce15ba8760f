"""The tree over the entries and its anchors: what is done to the book after it was anchored is found."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import orjson
import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from ledger.audit import AnchorsUnreadable, Outside, read_anchors, verify
from ledger.audit.anchors import check_anchors
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot
from ledger.book.anchors import Reason, anchor, anchors_behind
from ledger.book.anchors import anchor_document as document
from ledger.gateway import Gateway
from tests.audit.forgery import unguarded
from tests.conftest import Stores
from tests.support.engine import Engine
from wattledger.anchor_keys import anchor_signer, outside_keys, rotate
from wattledger.cli import main
from wattledger.demo.network import network
from wattledger.settings import Settings

_TABLES = ("book.entry", "book.posting", "book.leaf", "book.tree_node", "book.tree", "book.anchor", "book.anchor_key")
_ENTRY = "(SELECT entry_id FROM book.leaf WHERE index = 7)"
OF_ENTRIES = {
    "its hash": f"UPDATE book.entry SET hash = sha256('') WHERE entry_id = {_ENTRY}",
    "when it was recorded": (
        f"UPDATE book.entry SET recorded_at = recorded_at + interval '1 microsecond' WHERE entry_id = {_ENTRY}"
    ),
    "the month that it is booked in": (
        f"UPDATE book.entry SET effective_at = effective_at - interval '1 year' WHERE entry_id = {_ENTRY}"
    ),
    "an entry taken away": (
        f"DELETE FROM book.posting WHERE entry_id = {_ENTRY}; DELETE FROM book.entry WHERE entry_id = {_ENTRY}"
    ),
    "an entry put before the last anchor": """
        INSERT INTO book.entry (entry_id, kind, effective_at, currency, posting_count, hash_version, cause, hash, tx)
        SELECT gen_random_uuid(), kind, effective_at, currency, posting_count, hash_version, cause, hash, tx
        FROM book.entry ORDER BY tx LIMIT 1
    """,
}
OF_TREES = {
    "a leaf": "UPDATE book.leaf SET hash = sha256('') WHERE index = 7",
    "a leaf of another entry": "UPDATE book.leaf SET entry_id = gen_random_uuid() WHERE index = 7",
    "the order of two leaves": """
        UPDATE book.leaf SET index = 1000000 WHERE index = 7; UPDATE book.leaf SET index = 7 WHERE index = 8;
        UPDATE book.leaf SET index = 8 WHERE index = 1000000
    """,
    "a leaf taken away": "DELETE FROM book.leaf WHERE index = 7",
    "the last leaf taken away": "DELETE FROM book.leaf WHERE index = (SELECT max(index) FROM book.leaf)",
    "a node": "UPDATE book.tree_node SET hash = sha256('') WHERE level = 2 AND index = 1",
    "a node taken away": "DELETE FROM book.tree_node WHERE level = 1 AND index = 3",
    "a node too many": "INSERT INTO book.tree_node VALUES (9, 99, sha256(''))",
    "a root": "UPDATE book.tree SET root = sha256('') WHERE size = (SELECT min(size) FROM book.tree)",
}
OF_ANCHORS = {
    "when one was made": "UPDATE book.anchor SET anchored_at = anchored_at - interval '1 s' WHERE number = 2",
    "its reason": "UPDATE book.anchor SET reason = 'CLOSE' WHERE number = 2",
    "its book": "UPDATE book.anchor SET book = gen_random_uuid() WHERE number = 2",
    "its signature": "UPDATE book.anchor SET signature = decode(repeat('00', 64), 'hex') WHERE number = 2",
    "the tree it is of": """
        UPDATE book.anchor SET (tree_size, root) = (SELECT size, root FROM book.tree ORDER BY size LIMIT 1)
        WHERE number = 2
    """,
    "one taken away": "DELETE FROM book.anchor WHERE number = 2",
    "the hash of the one before": "UPDATE book.anchor SET previous = sha256('') WHERE number = 2",
    "a key": "UPDATE book.anchor_key SET public_key = sha256('')",
    "since when a key signs": "UPDATE book.anchor_key SET introduced_at = introduced_at + interval '1 s'",
    "who introduced it": "UPDATE book.anchor_key SET introduced_by = key_id WHERE introduced_by IS NOT NULL",
}
_CUT_OFF = """
DELETE FROM book.anchor WHERE number > 2;
DELETE FROM book.tree WHERE size > (SELECT max(tree_size) FROM book.anchor);
DELETE FROM book.leaf WHERE index >= (SELECT max(size) FROM book.tree);
DELETE FROM book.tree_node WHERE (index + 1) << level::integer > (SELECT max(size) FROM book.tree);
"""


@pytest.fixture(scope="module")
def anchored(stores: Stores, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Outside, Settings]]:
    """A store with four anchors by two keys, and what of them is kept elsewhere; it is only read."""
    settings = Settings(data_dir=tmp_path_factory.mktemp("keys"))
    with stores() as dsn:
        engine, lines = Engine(dsn), list(network(seed=7, sessions=24))
        gateway, size = Gateway(dsn), -(-len(lines) // 4)
        for first in range(0, len(lines), size):
            engine.feed(lines[first : first + size])
            engine.advance()
            assert anchor(gateway, Reason.BATCH, partial(anchor_signer, settings), "UTC") is not None
            if not first:
                rotate(settings, gateway, lost=False)
        engine.close()
        with gateway.transaction() as cursor:
            told = [orjson.dumps(document(each)) + b"\n" for each in anchors_behind(cursor, 0, 100)]
        gateway.close()
        yield dsn, Outside(read_anchors(told), outside_keys(settings)), settings


@pytest.fixture
def superuser(anchored: tuple[str, Outside, Settings]) -> Iterator[Connection[TupleRow]]:
    """Somebody with every right on that store, whose changes are rolled back."""
    with psycopg.connect(anchored[0]) as connection:
        yield connection
        connection.rollback()


def _found(connection: Connection[TupleRow], outside: Outside = Outside()) -> list[str]:  # noqa: B008 (frozen)
    tally = Tally()
    check_anchors(Snapshot(connection), outside, tally)
    return [finding.sentence for finding in tally.findings]


def _attacked(connection: Connection[TupleRow], attack: str, outside: Outside = Outside()) -> list[str]:  # noqa: B008
    """What is found after an attack; it is undone afterwards."""
    with connection.transaction(force_rollback=True):
        connection.execute("SET CONSTRAINTS ALL DEFERRED")
        connection.execute("ALTER TABLE book.anchor DROP CONSTRAINT anchor_tree_size_root_fkey")
        with unguarded(connection, *_TABLES, chained=False):
            connection.execute(attack.encode())
        return _found(connection, outside)


def test_what_was_never_touched_passes_with_all_that_is_kept_elsewhere(
    anchored: tuple[str, Outside, Settings],
) -> None:
    dsn, outside, _ = anchored
    assert len(outside.anchors) == 4
    assert len(outside.keys) == len({each.key_id for each in outside.anchors}) == 2
    report = verify(dsn, anchors=outside)
    assert report.passed, report.failed
    (check,) = (check for check in report.checks if check.name == "anchors")
    assert check.examined > outside.anchors[-1].tree_size


@pytest.mark.parametrize(
    "attack",
    [*OF_ENTRIES.values(), *OF_TREES.values(), *OF_ANCHORS.values()],
    ids=[*OF_ENTRIES, *OF_TREES, *OF_ANCHORS],
)
def test_a_change_behind_an_anchor_is_found(attack: str, superuser: Connection[TupleRow]) -> None:
    assert _found(superuser) == []
    assert _attacked(superuser, attack)


def test_a_tail_that_was_cut_off_is_found_by_anchors_that_left(
    superuser: Connection[TupleRow], anchored: tuple[str, Outside, Settings]
) -> None:
    outside = anchored[1]
    assert [each for each in _attacked(superuser, _CUT_OFF) if "taken away" in each] == []
    (third, fourth) = _attacked(superuser, _CUT_OFF, outside)[-2:]
    assert third.startswith("anchor 3 kept outside")
    assert fourth.endswith("an older state was put in its place")


def test_a_book_that_was_anchored_anew_is_found_by_what_left(
    superuser: Connection[TupleRow], anchored: tuple[str, Outside, Settings], tmp_path: Path
) -> None:
    # All that the database has of proofs goes, an entry is changed, and another key signs from the start.
    outside, dsn = anchored[1], anchored[0]
    other = Settings(data_dir=tmp_path)
    emptied = "; ".join(f"DELETE FROM {table}" for table in reversed(_TABLES[2:])).replace(
        "DELETE FROM book.anchor_key; DELETE FROM book.anchor", "DELETE FROM book.anchor; DELETE FROM book.anchor_key"
    )
    with superuser.transaction(force_rollback=True):
        with unguarded(superuser, *_TABLES, chained=False):
            superuser.execute(emptied.encode())
            superuser.execute("UPDATE book.entry SET recorded_at = recorded_at - interval '1 s'")
        gateway = _OneTransaction(dsn, superuser)
        assert anchor(gateway, Reason.BATCH, partial(anchor_signer, other), "UTC") is not None
        assert _found(superuser) == [], "without what left nobody can tell"
        found = _found(superuser, outside)
    assert any("is not among the public keys that are kept outside" in each for each in found)
    assert any(each.startswith("anchor 1 kept outside is another one than the book has") for each in found)


class _OneTransaction(Gateway):
    """The way to the store by a connection that is in a transaction already."""

    def __init__(self, dsn: str, connection: Connection[TupleRow]) -> None:
        super().__init__(dsn)
        self._given = connection

    def transaction(self):  # type: ignore[no-untyped-def]
        """A part of that transaction."""
        return self._given.cursor()


def test_an_anchor_of_another_book_is_told(
    superuser: Connection[TupleRow], anchored: tuple[str, Outside, Settings]
) -> None:
    other = replace(anchored[1].anchors[0], book="9d6f5944-8c70-8766-4a94-d3fd90e47ca7")
    (sentence,) = _found(superuser, Outside([other]))
    assert "is of the book 9d6f5944-8c70-8766-4a94-d3fd90e47ca7" in sentence


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "it has no anchors"),
        ([b"hello\n"], "line 1 is no anchor of a book"),
        ([b"\n", b'{"book": "00", "number": 1}\n'], "line 2 is no anchor of a book"),
        ([b"[1]\n"], "line 1 is no anchor of a book"),
    ],
)
def test_what_is_no_anchor_is_refused_with_its_line(lines: list[bytes], said: str) -> None:
    with pytest.raises(AnchorsUnreadable, match=said):
        read_anchors(lines)


def test_the_command_refuses_a_file_without_anchors_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "anchors.jsonl").write_text("hello\n")
    for file, said in (("anchors.jsonl", "line 1 is no anchor of a book"), ("none", "no such file")):
        assert main(["verify", "--anchors", str(tmp_path / file)]) == 1
        told = capsys.readouterr().err
        assert said in told
        assert "Traceback" not in told
