"""Anchors of the book that were kept outside the database: lines of the file of anchors, or records of its topic."""

from base64 import b64decode
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from ledger.audit.kept_outside import read_kept


class AnchorsUnreadable(ValueError):
    """What was given as anchors is none; the sentence names the line."""


@dataclass(frozen=True, slots=True)
class KeptAnchor:
    """An anchor: the first `tree_size` entries of the book had this root when it was made.

    Hashes and signature as bytes, the time in microseconds since 1970 UTC.
    """

    book: str
    number: int
    tree_size: int
    root: bytes
    previous: bytes
    at_us: int
    reason: str
    key_id: str
    signature: bytes

    @property
    def text(self) -> bytes:
        """What was signed."""
        lines = (
            "wattledger-anchor-1",
            self.book,
            str(self.number),
            str(self.tree_size),
            self.root.hex(),
            self.previous.hex(),
            str(self.at_us),
            self.reason,
            self.key_id,
        )
        return "".join(f"{line}\n" for line in lines).encode()


def read_anchors(lines: Iterable[bytes]) -> list[KeptAnchor]:
    """The anchors in JSON Lines, each once, by book and number.

    A line is an anchor, or a CloudEvent `settlement.anchor.made` that has one as its data. A last line without its
    line feed was cut off by a crash and counts for nothing, unless it is whole.
    Raises AnchorsUnreadable for any other line that is no anchor, and when there is none at all.
    """
    found = set(read_kept(lines, _anchor, AnchorsUnreadable, "anchor of a book"))
    if not found:
        raise AnchorsUnreadable("it has no anchors")
    return sorted(found, key=lambda anchor: (anchor.book, anchor.number, anchor.text))


def _anchor(body: Any) -> KeptAnchor:
    numbers = [body[name] for name in ("number", "tree_size", "at_us")]
    root, previous = (bytes.fromhex(body[name]) for name in ("root", "previous"))
    texts = [body[name] for name in ("reason", "key_id")]
    if not all(type(each) is int for each in numbers) or not all(isinstance(each, str) for each in texts):
        raise ValueError
    book, signature = str(UUID(body["book"])), b64decode(body["signature"], validate=True)
    number, size, at_us = numbers
    return KeptAnchor(book, number, size, root, previous, at_us, texts[0], texts[1], signature)
