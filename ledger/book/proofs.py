"""Proofs of the tree over all entries: that one is in it, and that a tree is the beginning of a later one."""

from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC
from itertools import count
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow, tuple_row

from domain.book.merkle import Node, Span, consistency_path, folded, inclusion_path
from ledger.book.anchor_keys import known_keys
from ledger.book.anchors import Anchor, anchor_document, anchor_of, book_id
from ledger.book.canonical import canonical_bytes
from ledger.book.journal import ROW_COLUMNS, ROW_LINES, JournalRow

_ROWS_PER_FETCH = 2_000
_CURSOR_NUMBERS = count(1)

# Each entry of the tree with what its leaf is made of, and its postings.
_LEAVES = f"""
SELECT leaf.index, (extract(epoch FROM entry.recorded_at) * 1000000)::bigint, booked.booked_in, {ROW_COLUMNS}
FROM book.leaf
JOIN book.entry USING (entry_id)
JOIN book.booked USING (entry_id)
{ROW_LINES}
"""  # noqa: S608 - columns of ours
_ALL_LEAVES = f"{_LEAVES} WHERE leaf.index < %s ORDER BY leaf.index"
_ONE_LEAF = f"{_LEAVES} WHERE leaf.entry_id = %s"
_EXISTS = "SELECT EXISTS (SELECT FROM book.entry WHERE entry_id = %s)"
_NODES = """
SELECT 0, leaf.index, leaf.hash FROM book.leaf WHERE leaf.index = ANY(%(leaves)s)
UNION ALL
SELECT node.level, node.index, node.hash
FROM unnest(%(levels)s::smallint[], %(indexes)s::bigint[]) AS asked (level, index)
JOIN book.tree_node AS node USING (level, index)
"""


class NotProved(LookupError):
    """Nothing can be proved of what was asked for; the sentence says why."""


class Leaf(NamedTuple):
    """An entry in the tree: its place from 0, when it was recorded, the period that it is booked in, and itself."""

    place: int
    recorded_us: int
    booked_in: str
    row: JournalRow

    @property
    def text(self) -> bytes:
        """What is hashed to the leaf: ASCII lines, each ended by a line feed."""
        entry = self.row
        return (
            f"wattledger-leaf-1\n{entry.entry_id.hex}\n{entry.hash_version}\n{entry.hash.hex()}\n{self.recorded_us}\n"
            f"{self.booked_in}\n"
        ).encode("ascii")


def inclusion(cursor: Cursor[TupleRow], entry_id: UUID) -> dict[str, Any]:
    """The proof that an entry is in the tree of the last anchor, as `wattledger proof` prints it.

    Raises NotProved for an entry that is unknown or in no anchor yet.
    """
    leaf = next(map(_leaf, cursor.execute(_ONE_LEAF, (entry_id,), binary=True).fetchall()), None)
    anchor = anchor_of(cursor)
    if leaf is None or anchor is None or leaf.place >= anchor.tree_size:
        known = cursor.execute(_EXISTS, (entry_id,)).fetchone()
        if known is not None and known[0]:
            raise NotProved(f"entry {entry_id} is in no anchor yet: it can be proved once the next one is made")
        raise NotProved(f"entry {entry_id} is not in this book")
    return {
        "kind": "inclusion",
        "entry": canonical_bytes(leaf.row.entry()).decode("ascii"),
        "leaf": leaf.text.decode("ascii"),
        "index": leaf.place,
        "tree_size": anchor.tree_size,
        "path": _hashes(cursor, inclusion_path(leaf.place, anchor.tree_size)),
        "root": anchor.root.hex(),
        "anchor": anchor_document(anchor),
    }


def consistency(cursor: Cursor[TupleRow], old: int, new: int) -> dict[str, Any]:
    """The proof that the tree of an anchor is the beginning of that of a later one; both are named by their numbers.

    Raises NotProved for numbers that no anchor has, or that are the wrong way round.
    """
    first, second = _numbered(cursor, old), _numbered(cursor, new)
    if first.number > second.number:
        raise NotProved(f"anchor {old} was made after anchor {new}: name the older one first")
    return {
        "kind": "consistency",
        "old_size": first.tree_size,
        "new_size": second.tree_size,
        "old_root": first.root.hex(),
        "new_root": second.root.hex(),
        "path": _hashes(cursor, consistency_path(first.tree_size, second.tree_size)),
        "anchors": [anchor_document(first), anchor_document(second)],
    }


def leaves(cursor: Cursor[TupleRow], size: int) -> Iterator[Leaf]:
    """The first leaves of the tree, so many, in its order; streamed, so that memory stays flat."""
    name = f"leaves_{next(_CURSOR_NUMBERS)}"
    with cursor.connection.cursor(name, row_factory=tuple_row) as rows:
        rows.itersize = _ROWS_PER_FETCH
        rows.execute(_ALL_LEAVES, (size,), binary=True)
        yield from map(_leaf, rows)


def leaf_document(leaf: Leaf) -> dict[str, Any]:
    """A leaf as it is a line of `leaves.jsonl`."""
    return {
        "index": leaf.place,
        "entry": canonical_bytes(leaf.row.entry()).decode("ascii"),
        "recorded_us": leaf.recorded_us,
        "booked_in": leaf.booked_in,
    }


def key_documents(cursor: Cursor[TupleRow]) -> tuple[dict[str, str], list[dict[str, Any]]]:
    """The public keys, base64 by id, and by which key each was introduced, the oldest first."""
    book, keys = book_id(cursor), known_keys(cursor)
    introductions = [
        {
            "book": str(book),
            "key_id": key.key_id,
            "public_key": b64encode(key.public_key).decode(),
            "introduced_by": key.introduced_by,
            "at_us": key.at_us,
            "signature": b64encode(key.signature).decode(),
        }
        for key in keys
    ]
    return {key.key_id: b64encode(key.public_key).decode() for key in keys}, introductions


def _numbered(cursor: Cursor[TupleRow], number: int) -> Anchor:
    found = anchor_of(cursor, number)
    if found is None:
        last = anchor_of(cursor)
        raise NotProved(
            f"there is no anchor {number}: " + (f"they are 1 to {last.number}" if last else "none was made yet")
        )
    return found


def _leaf(row: Sequence[Any]) -> Leaf:
    place, recorded_us, booked_in, *entry = row
    of_entry = JournalRow(*entry)
    return Leaf(place, recorded_us, booked_in, of_entry._replace(effective_at=of_entry.effective_at.astimezone(UTC)))


def _hashes(cursor: Cursor[TupleRow], spans: Iterable[Span]) -> list[str]:
    """The hashes of spans of leaves in hex, all read at once."""
    made_of = [span.nodes for span in spans]
    nodes = {node for each in made_of for node in each}
    high = [node for node in nodes if node.level]
    asked = {
        "leaves": [node.place for node in nodes if not node.level],
        "levels": [node.level for node in high],
        "indexes": [node.place for node in high],
    }
    rows = cursor.execute(_NODES, asked, binary=True).fetchall()
    kept = {Node(level, place): hash_ for level, place, hash_ in rows}
    if missing := nodes - kept.keys():
        node = min(missing)
        raise NotProved(f"the tree lacks node {node.place} of level {node.level}: `wattledger verify` says more")
    return [folded([kept[node] for node in each]).hex() for each in made_of]
