#!/usr/bin/env python3
"""Checks the proofs of a WattLedger export, or one proof: check.py DIR|PROOF.json [--keys FILE] [--root HEX].

It needs Python 3.9 or newer and nothing else, no network and nothing of the program that made the files; what is
checked and how stands in WattLedger's docs/proofs.md. Exit status 0: everything agrees; 1: something does not, one
line each; 2: wrong usage.

Say whom you trust by --keys: a file in the form of proofs/keys.json that you had before, from elsewhere. Without it
the keys are those of the export itself, and only prove that it agrees with itself. --root is the root of an anchor
that you kept: without one nobody can tell an export that ends early from one that is older.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from base64 import b64decode, b64encode
from binascii import Error as NoBase64
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

Point = tuple[int, int, int, int]
Found = dict[str, Any]

MAX_TOLD = 100
MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?Z")
AMOUNT = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")


class Wrong(Exception):
    """What does not agree; its text is a sentence."""


# Ed25519 as in RFC 8032, section 5.1.7, in extended homogeneous coordinates.
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def add(p: Point, q: Point) -> Point:
    """The sum of two points."""
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(scalar: int, p: Point) -> Point:
    """A point so many times."""
    q = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            q = add(q, p)
        p = add(p, p)
        scalar >>= 1
    return q


def point(encoded: bytes) -> Point | None:
    """The point of 32 bytes; None where they are none."""
    y = int.from_bytes(encoded, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE_X = 15112221349535400772501151409588531511454012693041857206046113283949847762202
BASE = BASE_X, BASE_Y, 1, BASE_X * BASE_Y % P


def is_signed(public_key: bytes, text: bytes, signature: bytes) -> bool:
    """Whether a signature of 64 bytes over a text is by the key of 32 bytes."""
    if len(public_key) != 32 or len(signature) != 64:
        return False
    a, r = point(public_key), point(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public_key + text).digest(), "little") % L
    left, right = times(s, BASE), add(r, times(h, a))
    return not ((left[0] * right[2] - right[0] * left[2]) % P or (left[1] * right[2] - right[1] * left[2]) % P)


# Trees as in RFC 6962, section 2.1; proofs are checked as in RFC 9162, sections 2.1.3.2 and 2.1.4.2.
def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash over two nodes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """A tree that grows leaf by leaf: the roots of its full halves, the largest first."""

    def __init__(self) -> None:
        self.size = 0
        self._peaks: list[bytes] = []

    def append(self, hashed: bytes) -> None:
        """One leaf more."""
        self.size += 1
        size = self.size
        while not size & 1:
            hashed = node_hash(self._peaks.pop(), hashed)
            size >>= 1
        self._peaks.append(hashed)

    def root(self) -> bytes:
        """The root as it is now."""
        if not self._peaks:
            return hashlib.sha256(b"").digest()
        found = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            found = node_hash(peak, found)
        return found


def root_by_inclusion(index: int, size: int, hashed: bytes, path: Iterable[bytes]) -> bytes:
    """The root that a path leads to from a leaf."""
    if not 0 <= index < size:
        raise Wrong(f"leaf {index} is not in a tree of {size}")
    at, last = index, size - 1
    for beside in path:
        if last == 0:
            raise Wrong("the path is longer than the tree is high")
        if at & 1 or at == last:
            hashed = node_hash(beside, hashed)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            hashed = node_hash(hashed, beside)
        at, last = at >> 1, last >> 1
    if last:
        raise Wrong("the path ends below the root")
    return hashed


def root_by_consistency(old: int, new: int, old_root: bytes, new_root: bytes, path: Sequence[bytes]) -> None:
    """Nothing where the path proves the tree of the old root to be the beginning of that of the new one."""
    if not 0 <= old <= new:
        raise Wrong(f"a tree of {old} leaves is not the beginning of one of {new}")
    if old == new and old_root != new_root:
        raise Wrong("two trees of one size have other roots")
    if old == 0 and old_root != hashlib.sha256(b"").digest():
        raise Wrong("the tree of no leaves has another root")
    if old in (0, new):
        if path:
            raise Wrong("a path between trees that need none")
        return
    whole_path = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if whole_path and roots_by_path(old, new, whole_path) != (old_root, new_root):
        raise Wrong("the path does not lead to the roots")
    if not whole_path:
        raise Wrong("the path is empty")


def roots_by_path(old: int, new: int, path: Sequence[bytes]) -> tuple[bytes, bytes]:
    """The roots of the older and of the newer tree that a path leads to."""
    at, last = old - 1, new - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = path[0]
    for beside in path[1:]:
        if last == 0:
            raise Wrong("the path is longer than the tree is high")
        if at & 1 or at == last:
            first, second = node_hash(beside, first), node_hash(beside, second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, beside)
        at, last = at >> 1, last >> 1
    if last:
        raise Wrong("the path ends below the root")
    return first, second


# What files and their fields hold.
def only_once(pairs: list[tuple[str, Any]]) -> Found:
    """An object of JSON; one that has a field twice is read differently by everybody."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a field stands there twice")
    return found


def no_constant(name: str) -> None:
    """NaN and the like, which are no JSON."""
    raise ValueError(name)


def parsed(text: bytes, where: str) -> Found:
    """An object of JSON."""
    try:
        found = json.loads(text, object_pairs_hook=only_once, parse_constant=no_constant)
    except (ValueError, RecursionError) as error:
        raise Wrong(f"{where} is no JSON: {error}") from None
    if not isinstance(found, dict):
        raise Wrong(f"{where} is no object")
    return found


def lines_of(path: Path) -> Iterator[tuple[str, Found]]:
    """The objects of a file of JSON Lines, each with where it stands."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            where = f"{path.name}, line {number}"
            if not line.endswith(b"\n"):
                raise Wrong(f"{where} is cut off: it has no line feed")
            yield where, parsed(line, where)


def whole(found: Found, name: str, where: str) -> int:
    """A whole number that is not negative."""
    value = found.get(name)
    if type(value) is not int or value < 0:
        raise Wrong(f"{where}: {name} is no whole number")
    return value


def word(found: Found, name: str, where: str) -> str:
    """A text of printable ASCII in one line."""
    value = found.get(name)
    if not isinstance(value, str) or not value.isascii() or not value.isprintable():
        raise Wrong(f"{where}: {name} is no printable ASCII text")
    return value


def digest(found: Found, name: str, where: str) -> bytes:
    """32 bytes in lower-case hex."""
    return hashed_text(word(found, name, where), f"{where}: {name}")


def hashed_text(text: Any, what: str) -> bytes:
    """32 bytes of lower-case hex."""
    try:
        value = bytes.fromhex(text)
    except (ValueError, TypeError):
        value = b""
    if len(value) != 32 or value.hex() != text:
        raise Wrong(f"{what} is no SHA-256 in lower-case hex")
    return value


def base64_of(found: Found, name: str, where: str) -> bytes:
    """The bytes of a base64 text."""
    text = word(found, name, where)
    try:
        value = b64decode(text, validate=True)
    except NoBase64:
        value = b""
    # Written in one way: bits that stand for nothing are none.
    if b64encode(value).decode() != text:
        raise Wrong(f"{where}: {name} is no base64")
    return value


def path_of(found: Found, where: str) -> list[bytes]:
    """The hashes of a path."""
    path = found.get("path")
    if not isinstance(path, list):
        raise Wrong(f"{where}: path is no list")
    return [hashed_text(each, f"{where}: path") for each in path]


class Keys:
    """The public keys that count: those that are trusted, and those that one of them introduced."""

    def __init__(self, trusted: dict[str, bytes]) -> None:
        self._keys = dict(trusted)

    def get(self, key_id: str, where: str) -> bytes:
        """A key by its id."""
        if key_id not in self._keys:
            raise Wrong(f"{where}: key {key_id} is neither trusted nor introduced by one that is")
        return self._keys[key_id]

    def introduce(self, found: Found, where: str) -> None:
        """Take in what one key says of the next."""
        key_id, public_key = word(found, "key_id", where), base64_of(found, "public_key", where)
        check_key(key_id, public_key, where)
        by = found.get("introduced_by")
        if by is None and key_id not in self._keys:
            raise Wrong(f"{where}: nobody introduced key {key_id}, and it is not trusted: ask for it elsewhere")
        text = (
            f"wattledger-anchor-key-1\n{word(found, 'book', where)}\n{key_id}\n{public_key.hex()}\n"
            f"{'' if by is None else word(found, 'introduced_by', where)}\n{whole(found, 'at_us', where)}\n"
        )
        if not is_signed(
            self.get(key_id if by is None else by, where), text.encode(), base64_of(found, "signature", where)
        ):
            raise Wrong(f"{where}: key {by or key_id} did not sign the introduction of key {key_id}")
        self._keys[key_id] = public_key


def check_key(key_id: str, public_key: bytes, where: str) -> None:
    """A key is named by its own hash."""
    if len(public_key) != 32 or hashlib.sha256(public_key).hexdigest()[:32] != key_id:
        raise Wrong(f"{where}: {key_id} is not the id of its key")


def read_keys(path: Path) -> dict[str, bytes]:
    """A file of public keys."""
    found = parsed(path.read_bytes(), path.name)
    keys = {key_id: base64_of(found, key_id, path.name) for key_id in found}
    for key_id, public_key in keys.items():
        check_key(key_id, public_key, path.name)
    return keys


class Anchor:
    """A signed anchor, and its text as it was signed."""

    def __init__(self, found: Any, where: str) -> None:
        if not isinstance(found, dict):
            raise Wrong(f"{where} has no anchor")
        self.where = where
        self.book, self.number = word(found, "book", where), whole(found, "number", where)
        self.size, self.root = whole(found, "tree_size", where), digest(found, "root", where)
        self.previous, self.at_us = digest(found, "previous", where), whole(found, "at_us", where)
        self.reason, self.key_id = word(found, "reason", where), word(found, "key_id", where)
        self.signature = base64_of(found, "signature", where)
        self.text = (
            f"wattledger-anchor-1\n{self.book}\n{self.number}\n{self.size}\n{self.root.hex()}\n{self.previous.hex()}\n"
            f"{self.at_us}\n{self.reason}\n{self.key_id}\n"
        ).encode()

    def check_signature(self, keys: Keys) -> None:
        """It is signed by a key that counts."""
        if not is_signed(keys.get(self.key_id, self.where), self.text, self.signature):
            raise Wrong(f"{self.where}: the signature of anchor {self.number} is not by key {self.key_id} over it")


def check_anchors(anchors: Sequence[Anchor], keys: Keys) -> None:
    """They follow each other from the first on, and each is signed."""
    before: Anchor | None = None
    for anchor in anchors:
        anchor.check_signature(keys)
        wanted = hashlib.sha256(before.text).digest() if before else bytes(32)
        if anchor.number != (before.number + 1 if before else 1):
            raise Wrong(f"{anchor.where} has number {anchor.number}: anchors lack, or stand in another order")
        if anchor.previous != wanted:
            raise Wrong(f"{anchor.where}: anchor {anchor.number} does not follow the one before it")
        if before and anchor.book != before.book:
            raise Wrong(f"{anchor.where} is of the book {anchor.book}, and those before it of {before.book}")
        if before and (anchor.size < before.size or anchor.at_us < before.at_us):
            raise Wrong(f"{anchor.where}: anchor {anchor.number} is of an older tree than the one before it")
        before = anchor


class Entry:
    """An entry by its canonical text."""

    def __init__(self, text: Any, where: str) -> None:
        if not isinstance(text, str) or not text.isascii() or not text.endswith("\n"):
            raise Wrong(f"{where}: entry is no canonical text")
        lines = text[:-1].split("\n")
        if len(lines) < 12 or lines[0] != "wattledger-entry-1" or lines[9] != str(len(lines) - 10):
            raise Wrong(f"{where}: entry is no canonical text of version 1")
        self.entry_id, self.kind, self.effective_us, self.currency = lines[1:5]
        self.session_id, self.payout_id, self.reverses, self.cause = lines[5:9]
        self.postings = [line.partition(" ")[::2] for line in lines[10:]]
        self.hash = hashlib.sha256(text.encode()).digest()
        try:
            if sum(int(amount) for amount, _ in self.postings):
                raise Wrong(f"{where}: the postings of entry {self.entry_id} do not add up to zero")
        except ValueError:
            raise Wrong(f"{where}: an amount of entry {self.entry_id} is no whole number") from None

    def leaf(self, recorded_us: int, booked_in: str) -> bytes:
        """The text of its leaf."""
        return f"wattledger-leaf-1\n{self.entry_id}\n1\n{self.hash.hex()}\n{recorded_us}\n{booked_in}\n".encode()

    def told(self) -> bytes:
        """What journal.jsonl says of it, in one form."""
        head = (self.entry_id, self.kind, self.effective_us, self.currency, self.session_id, self.payout_id)
        return hashlib.sha256(repr((*head, self.reverses, self.postings)).encode()).digest()[:16]


def minor_units(amount: str) -> str:
    """An amount without its point, as canonical texts have it."""
    if not AMOUNT.fullmatch(amount):
        raise ValueError
    return str(int(amount.replace(".", "")))


def told_by_journal(found: Found, where: str) -> tuple[str, bytes]:
    """An entry of journal.jsonl by its id, in the same form."""
    try:
        if not MOMENT.fullmatch(found["effective_at"]):
            raise ValueError
        moment = datetime.fromisoformat(found["effective_at"].replace("Z", "+00:00"))
        us = (moment - datetime.fromisoformat("1970-01-01T00:00:00+00:00")) // timedelta(microseconds=1)
        postings = [(minor_units(each["amount"]), each["account"]) for each in found["postings"]]
        entry_id, reverses = found["entry_id"].replace("-", ""), (found.get("reverses") or "").replace("-", "")
        names = found["session_id"] or "", found["payout_id"] or ""
        told = (entry_id, found["kind"], str(us), found["currency"], *names, reverses, postings)
    except (LookupError, TypeError, ValueError, AttributeError):
        raise Wrong(f"{where} is no entry") from None
    return entry_id, hashlib.sha256(repr(told).encode()).digest()[:16]


class Export:
    """The proofs of an export, checked part after part; what is found is kept."""

    def __init__(self, folder: Path, trusted: dict[str, bytes] | None, newer: bool) -> None:
        self.folder, self.proofs, self.newer = folder, folder / "proofs", newer
        self.found: list[str] = []
        self.anchors: list[Anchor] = []
        self.entries: dict[str, bytes] = {}
        self.keys = Keys(trusted or {})
        self.trusts_itself = trusted is None

    def attempt(self, act: Callable[[], Any]) -> None:
        """Do a part; what it finds is one line."""
        try:
            act()
        except Wrong as wrong:
            self.found.append(str(wrong))
        except OSError as error:
            self.found.append(f"{error.filename} cannot be read: {error.strerror}")

    def read_anchors(self) -> None:
        """Anchors and keys."""
        told = read_keys(self.proofs / "keys.json")
        if self.trusts_itself:
            self.keys = Keys(told)
        introductions = self.proofs / "introductions.jsonl"
        for where, found in lines_of(introductions):
            self.keys.introduce(found, where)
            key_id = found["key_id"]
            if told.get(key_id) != base64_of(found, "public_key", where):
                raise Wrong(f"{where}: key {key_id} is another one in keys.json, or is not there")
        self.anchors = [Anchor(found, where) for where, found in lines_of(self.proofs / "anchors.jsonl")]
        if not self.anchors:
            raise Wrong("anchors.jsonl has no anchor: nothing is proved")
        check_anchors(self.anchors, self.keys)

    def read_leaves(self) -> None:
        """Every leaf in its place, and the root of every anchor."""
        tree, due = Tree(), list(reversed(self.anchors))
        while due and due[-1].size == 0:
            self.compare(due.pop(), tree)
        for where, found in lines_of(self.proofs / "leaves.jsonl"):
            if whole(found, "index", where) != tree.size:
                raise Wrong(
                    f"{where} has index {found['index']} and not {tree.size}: leaves lack, or stand elsewhere"
                )
            entry = Entry(found.get("entry"), where)
            if entry.entry_id in self.entries:
                raise Wrong(f"{where}: entry {entry.entry_id} is in the tree twice")
            self.entries[entry.entry_id] = entry.told()
            recorded_us, booked_in = whole(found, "recorded_us", where), word(found, "booked_in", where)
            tree.append(leaf_hash(entry.leaf(recorded_us, booked_in)))
            while due and due[-1].size == tree.size:
                self.compare(due.pop(), tree)
        size = self.anchors[-1].size if self.anchors else 0
        if tree.size != size:
            raise Wrong(f"leaves.jsonl has {tree.size} leaves, and the last anchor is of {size}")

    def compare(self, anchor: Anchor, tree: Tree) -> None:
        """The root of an anchor with that of the leaves."""
        if tree.root() != anchor.root:
            before = max((each.size for each in self.anchors if each.size < anchor.size), default=0)
            raise Wrong(
                f"anchor {anchor.number}: the first {anchor.size} leaves have another root than was signed: one of "
                f"leaves {before} to {anchor.size - 1} is not what it was"
            )

    def read_journal(self) -> None:
        """journal.jsonl has the entries of the tree, each once and as it is there."""
        path, left = self.folder / "journal.jsonl", dict(self.entries)
        behind = 0
        for where, found in lines_of(path):
            entry_id, told = told_by_journal(found, where)
            if entry_id not in self.entries:
                behind += 1
                if not self.newer:
                    raise Wrong(
                        f"{where}: entry {entry_id} is in no leaf: it was added, or is newer than the last anchor"
                    )
            elif left.pop(entry_id, None) is None:
                raise Wrong(f"{where}: entry {entry_id} stands there twice")
            elif told != self.entries[entry_id]:
                raise Wrong(f"{where}: entry {entry_id} is not what was anchored")
        if left:
            raise Wrong(f"journal.jsonl lacks entry {min(left)} ({len(left)} in all)")
        if behind:
            sys.stdout.write(f"{behind} entries of journal.jsonl are in no anchor and are not proved\n")

    def read_proofs(self) -> None:
        """Single proofs that were put beside the rest."""
        for path in sorted(self.proofs.glob("*.json")):
            if path.name != "keys.json":
                self.attempt(partial(self.read_proof, path))

    def read_proof(self, path: Path) -> None:
        """A single proof, by the anchors that are here."""
        check_proof(parsed(path.read_bytes(), path.name), path.name, self.keys, self.anchors)

    def check_root(self, root: bytes | None) -> None:
        """The root that somebody kept is that of an anchor."""
        if root is not None and root not in [anchor.root for anchor in self.anchors]:
            raise Wrong(f"no anchor has the root {root.hex()}: the export is older than it, or is of another book")


def check_proof(found: Found, where: str, keys: Keys, anchors: Sequence[Anchor] | None = None) -> list[Anchor]:
    """A proof leads from what it proves to the roots of signed anchors; the anchors."""
    kind = found.get("kind")
    if kind == "inclusion":
        named = [Anchor(found.get("anchor"), where)]
        trees = [(whole(found, "tree_size", where), digest(found, "root", where))]
        check_inclusion(found, where)
    elif kind == "consistency":
        given = found.get("anchors")
        if not isinstance(given, list) or len(given) != 2:
            raise Wrong(f"{where}: anchors are not two")
        named = [Anchor(each, where) for each in given]
        trees = [(whole(found, f"{age}_size", where), digest(found, f"{age}_root", where)) for age in ("old", "new")]
        (old, old_root), (new, new_root) = trees
        root_by_consistency(old, new, old_root, new_root, path_of(found, where))
    else:
        raise Wrong(f"{where} is no proof: its kind is {kind!r}")
    if [(anchor.size, anchor.root) for anchor in named] != trees or len({anchor.book for anchor in named}) > 1:
        raise Wrong(f"{where}: its anchors are of other trees than the proof")
    for anchor in named:
        anchor.check_signature(keys)
        if anchors is not None and anchor.text not in [each.text for each in anchors]:
            raise Wrong(f"{where}: its anchor {anchor.number} is none of this export's")
    return named


def check_inclusion(found: Found, where: str) -> None:
    """The leaf is that of the entry, and its path leads to the root."""
    leaf = found.get("leaf")
    lines = leaf.split("\n") if isinstance(leaf, str) and leaf.isascii() else []
    if not isinstance(leaf, str) or len(lines) != 7 or lines[0] != "wattledger-leaf-1" or lines[6]:
        raise Wrong(f"{where}: leaf is no leaf of version 1")
    if found.get("entry") is not None:
        entry = Entry(found["entry"], where)
        if lines[1:4] != [entry.entry_id, "1", entry.hash.hex()]:
            raise Wrong(f"{where}: the leaf is of another entry")
    index, size = whole(found, "index", where), whole(found, "tree_size", where)
    if root_by_inclusion(index, size, leaf_hash(leaf.encode()), path_of(found, where)) != digest(
        found, "root", where
    ):
        raise Wrong(f"{where}: the path from the leaf leads to another root")


def check_folder(
    folder: Path, trusted: dict[str, bytes] | None, root: bytes | None, newer: bool
) -> tuple[list[str], str]:
    """What is wrong with an export, and what was looked at."""
    export = Export(folder, trusted, newer)
    export.attempt(export.read_anchors)
    if export.anchors and not export.found:
        export.attempt(export.read_leaves)
        if not export.found and (folder / "journal.jsonl").exists():
            export.attempt(export.read_journal)
        export.read_proofs()
        export.attempt(lambda: export.check_root(root))
    last = export.anchors[-1] if export.anchors else None
    told = (
        f"{len(export.entries)} entries, {len(export.anchors)} anchors of book {last.book}, the last one number "
        f"{last.number} with the root {last.root.hex()}"
        if last
        else "nothing"
    )
    return export.found, told


def check_file(path: Path, trusted: dict[str, bytes] | None, root: bytes | None) -> tuple[list[str], str]:
    """What is wrong with a single proof, and what it proves."""
    try:
        if trusted is None:
            raise Wrong("a proof alone brings no keys: name those that you trust by --keys")
        found = parsed(path.read_bytes(), path.name)
        named = check_proof(found, path.name, Keys(trusted))
        if root is not None and root not in [anchor.root for anchor in named]:
            raise Wrong(f"the proof is of no tree with the root {root.hex()}")
    except Wrong as wrong:
        return [str(wrong)], ""
    numbers = " and ".join(str(anchor.number) for anchor in named)
    return [], f"a proof of {found['kind']}, by anchor {numbers} of book {named[0].book}"


def main(arguments: list[str] | None = None) -> int:
    """Check what is named on the command line; the exit status."""
    parser = argparse.ArgumentParser(prog="check.py", description="Check the proofs of a WattLedger export.")
    parser.add_argument("place", metavar="DIR", type=Path, help="an export with proofs, or the file of one proof")
    parser.add_argument(
        "--keys", metavar="FILE", type=Path, help="the public keys that you trust, as keys.json has them"
    )
    parser.add_argument("--root", metavar="HEX", help="the root of an anchor that you kept")
    parser.add_argument("--newer", action="store_true", help="take entries of the journal that are in no anchor yet")
    given = parser.parse_args(arguments)
    try:
        trusted = read_keys(given.keys) if given.keys else None
        root = hashed_text(given.root, "--root") if given.root else None
    except (Wrong, OSError) as error:
        sys.stderr.write(f"check.py: {error}\n")
        return 2
    if not given.place.exists():
        sys.stderr.write(f"check.py: there is no {given.place}\n")
        return 2
    if given.place.is_dir():
        found, told = check_folder(given.place, trusted, root, given.newer)
    else:
        found, told = check_file(given.place, trusted, root)
    for sentence in found[:MAX_TOLD]:
        sys.stdout.write(f"WRONG: {sentence}\n")
    if found:
        return 1
    if trusted is None:
        sys.stdout.write(
            "the keys are those of the export itself: compare them with what you had before, by --keys\n"
        )
    sys.stdout.write(f"all agrees: {told}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
