"""The tree over the entries and its anchors, derived again from the journal, and compared with what left."""

import hashlib
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.audit.anchor_lines import KeptAnchor
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot

# Leaves in their order with what their entries say today. The period an entry is booked in is its own, in the zone of
# the book, but for those that came late.
_LEAVES = """
SELECT leaf.index, leaf.hash, leaf.entry_id, entry.hash_version, entry.hash,
       (extract(epoch FROM entry.recorded_at) * 1000000)::bigint,
       coalesce(late.booked_in,
                to_char(entry.effective_at AT TIME ZONE (SELECT coalesce(zone, 'UTC') FROM book.calendar), 'YYYY-MM'))
FROM book.leaf LEFT JOIN book.entry USING (entry_id) LEFT JOIN book.late_entry AS late USING (entry_id)
ORDER BY leaf.index
"""
# Each node behind the last leaf that it is over, the lower ones first.
_NODES = "SELECT level, index, hash FROM book.tree_node ORDER BY (index + 1) << level::integer, level"
_TREES = "SELECT size, root FROM book.tree ORDER BY size"
_ANCHORS = """
SELECT book::text, number, tree_size, root, previous, (extract(epoch FROM anchored_at) * 1000000)::bigint, reason,
       key_id, signature
FROM book.anchor ORDER BY number
"""
_KEYS = """
SELECT key_id, public_key, (extract(epoch FROM introduced_at) * 1000000)::bigint, introduced_by, signature
FROM book.anchor_key ORDER BY introduced_at, key_id
"""
_BOOK = "SELECT substring(encode(hash, 'hex') for 32)::uuid::text FROM event_store.chain WHERE number = 0"
# Entries that were there when the tree grew last, and are not in it. Another cluster counts transactions anew.
_LEFT_OUT = """
SELECT entry.entry_id
FROM book.entry
CROSS JOIN (SELECT horizon, cluster FROM book.tree ORDER BY size DESC LIMIT 1) AS grown
WHERE entry.tx < grown.horizon AND grown.cluster = (SELECT system_identifier FROM pg_control_system())
      AND NOT EXISTS (SELECT FROM book.leaf WHERE leaf.entry_id = entry.entry_id)
ORDER BY entry.entry_id
"""


@dataclass(frozen=True, slots=True)
class Outside:
    """What is known of anchors from elsewhere: anchors that left, and public keys, base64 by their ids."""

    anchors: Sequence[KeptAnchor] = ()
    keys: Mapping[str, str] = field(default_factory=dict)


def check_anchors(snapshot: Snapshot, outside: Outside, tally: Tally) -> None:
    """Every entry is in the tree once and as it was, and the anchors are of it, signed, and those that left."""
    anchors = [KeptAnchor(*row) for row in snapshot.rows(_ANCHORS)]
    _check_tree(snapshot, anchors, tally)
    for (entry_id,) in snapshot.rows(_LEFT_OUT):
        where = f"entry {entry_id}"
        tally.note(where, "a leaf", "none", f"{where} was there when the tree grew last, and is not in it")
    _check_chain(snapshot, anchors, _known_keys(snapshot, outside.keys, tally), tally)
    _compare(anchors, outside.anchors, tally)


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class _Growing:
    """A tree that takes in leaf after leaf, and says which nodes that completes."""

    def __init__(self) -> None:
        self.size = 0
        self._high: list[tuple[int, bytes]] = []

    def add(self, hashed: bytes) -> Iterator[tuple[int, int, bytes]]:
        """The nodes that are complete with this leaf: level, place among those of the level, hash."""
        level, self.size = 0, self.size + 1
        while self._high and self._high[-1][0] == level:
            hashed = _node(self._high.pop()[1], hashed)
            level += 1
            yield level, (self.size >> level) - 1, hashed
        self._high.append((level, hashed))

    def root(self) -> bytes:
        """The root over all leaves so far."""
        found: bytes | None = None
        for _, hashed in reversed(self._high):
            found = hashed if found is None else _node(hashed, found)
        return hashlib.sha256(b"").digest() if found is None else found


def _check_tree(snapshot: Snapshot, anchors: Sequence[KeptAnchor], tally: Tally) -> None:
    tree, nodes = _Growing(), _Nodes(snapshot, tally)
    roots = _Roots(chain(snapshot.rows(_TREES), ((each.tree_size, each.root) for each in anchors)), tally)
    roots.compare(tree)
    for index, kept, *entry in snapshot.rows(_LEAVES):
        tally.examined += 1
        where = f"leaf {index} of the tree"
        tally.compare(where, tree.size, index, "its place")
        for node in tree.add(_check_leaf(where, kept, entry, tally)):
            nodes.compare(*node)
        roots.compare(tree)
    nodes.end()
    roots.end(tree.size)


def _check_leaf(where: str, kept: bytes, entry: Sequence[Any], tally: Tally) -> bytes:
    """The hash of a leaf as its entry gives it; as it is kept where there is no such entry."""
    entry_id, version, hash_, recorded_us, booked_in = entry
    if hash_ is None:
        tally.note(where, f"entry {entry_id}", "none", f"{where} is of entry {entry_id}, which the journal has not")
        return kept
    lines = ("wattledger-leaf-1", entry_id.hex, str(version), hash_.hex(), str(recorded_us), booked_in)
    derived = hashlib.sha256(b"\x00" + "".join(f"{line}\n" for line in lines).encode()).digest()
    if derived != kept:
        sentence = f"{where} is another one than that of entry {entry_id}: the entry was changed, or the leaf was"
        tally.note(where, derived.hex(), kept.hex(), sentence)
    return derived


class _Nodes:
    """The nodes that are kept, compared as leaves complete them."""

    def __init__(self, snapshot: Snapshot, tally: Tally) -> None:
        self._rows, self._tally = snapshot.rows(_NODES), tally
        self._next = next(self._rows, None)

    def compare(self, level: int, place: int, hashed: bytes) -> None:
        """Compare a node, in the order in which they are complete."""
        while self._next is not None and ((self._next[1] + 1) << self._next[0], self._next[0]) < (
            (place + 1) << level,
            level,
        ):
            self._surplus()
        where = f"node {place} of level {level} of the tree"
        if self._next is None or self._next[:2] != (level, place):
            self._tally.note(where, hashed.hex(), "none", f"{where} lacks")
            return
        self._tally.compare(where, hashed.hex(), self._next[2].hex(), "its hash")
        self._next = next(self._rows, None)

    def end(self) -> None:
        """Say what is left."""
        while self._next is not None:
            self._surplus()

    def _surplus(self) -> None:
        level, place, _ = self._next or (0, 0, b"")
        where = f"node {place} of level {level} of the tree"
        self._tally.note(where, "none", "a node", f"{where} is over no leaves")
        self._next = next(self._rows, None)


class _Roots:
    """Roots by the size of their tree, compared when it has that size."""

    def __init__(self, roots: Iterator[tuple[Any, ...]], tally: Tally) -> None:
        self._due: dict[int, set[bytes]] = {}
        self._tally = tally
        for size, root in roots:
            self._due.setdefault(size, set()).add(root)

    def compare(self, tree: _Growing) -> None:
        """Compare what was kept of the tree at its size."""
        for root in sorted(self._due.pop(tree.size, ())):
            where = f"the tree of {tree.size} entries"
            if root != tree.root():
                sentence = (
                    f"{where} has another root than was kept of it: an entry in it is not what it was, or lacks"
                )
                self._tally.note(where, root.hex(), tree.root().hex(), sentence)

    def end(self, size: int) -> None:
        """Say which trees were larger than what is there."""
        for lacking in sorted(self._due):
            where = f"the tree of {lacking} entries"
            self._tally.note(where, lacking, size, f"{where} was anchored, and there are {size} leaves")


def _known_keys(snapshot: Snapshot, outside: Mapping[str, str], tally: Tally) -> dict[str, bytes]:
    """The keys that count: named by their own hash, introduced by one before if by any, and kept outside."""
    book = next((row[0] for row in snapshot.rows(_BOOK)), "")
    known: dict[str, bytes] = {}
    for key_id, public_key, at_us, by, signature in snapshot.rows(_KEYS):
        tally.examined += 1
        where = f"anchor key {key_id}"
        tally.compare(where, hashlib.sha256(public_key).hexdigest()[:32], key_id, "its id")
        lines = ("wattledger-anchor-key-1", book, key_id, public_key.hex(), by or "", str(at_us))
        text = "".join(f"{line}\n" for line in lines).encode()
        introducer = public_key if by is None else known.get(by, b"")
        if not _is_signed(introducer, text, signature):
            sentence = f"{where} was not introduced as it stands by {f'key {by}' if by else 'itself'}"
            tally.note(where, "a signature that counts", "none", sentence)
        if outside and outside.get(key_id) is None:
            sentence = f"{where} is not among the public keys that are kept outside of the book"
            tally.note(where, "one of them", "another", sentence)
        elif outside and b64decode(outside[key_id]) != public_key:
            tally.note(where, outside[key_id], public_key.hex(), f"{where} is another one than is kept outside")
        known[key_id] = public_key
    return known


def _is_signed(public_key: bytes, text: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, text)
    except (ValueError, InvalidSignature):
        return False
    return True


def _check_chain(snapshot: Snapshot, anchors: Sequence[KeptAnchor], keys: Mapping[str, bytes], tally: Tally) -> None:
    """The anchors follow each other from 1 on, each of the book and signed."""
    book = next((row[0] for row in snapshot.rows(_BOOK)), "")
    number, previous, size, at_us = 1, bytes(32), 0, 0
    for anchor in anchors:
        tally.examined += 1
        where = f"anchor {anchor.number}"
        tally.compare(where, number, anchor.number, "its number")
        tally.compare(where, book, anchor.book, "its book")
        tally.compare(where, previous.hex(), anchor.previous.hex(), "the hash of the anchor before it")
        if anchor.tree_size < size or anchor.at_us < at_us:
            tally.note(where, size, anchor.tree_size, f"{where} is of an older tree than the one before it")
        if not (anchor.key_id in keys and _is_signed(keys[anchor.key_id], anchor.text, anchor.signature)):
            sentence = f"{where} is not signed by key {anchor.key_id} as it stands: it was changed, or forged"
            tally.note(where, f"a signature by {anchor.key_id}", "none that counts", sentence)
        number, previous = anchor.number + 1, hashlib.sha256(anchor.text).digest()
        size, at_us = anchor.tree_size, anchor.at_us


def _compare(anchors: Sequence[KeptAnchor], outside: Sequence[KeptAnchor], tally: Tally) -> None:
    """Every anchor that left is here as it left."""
    here = {anchor.number: anchor for anchor in anchors}
    for anchor in outside:
        tally.examined += 1
        where, mine = f"anchor {anchor.number} kept outside", here.get(anchor.number)
        if mine is None:
            sentence = (
                f"{where}, of {anchor.tree_size} entries, is not in the book: what it is of was taken away, or "
            )
            tally.note(where, "an anchor", "none", sentence + "an older state was put in its place")
        elif anchor.book != mine.book:
            tally.note(
                where, anchor.book, mine.book, f"{where} is of the book {anchor.book}, and this is {mine.book}"
            )
        elif anchor != mine:
            sentence = f"{where} is another one than the book has: entries were changed since, and anchored anew"
            tally.note(where, anchor.root.hex(), mine.root.hex(), sentence)
