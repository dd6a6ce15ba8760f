"""Merkle trees in the form of RFC 6962: which nodes a proof needs, and what they fold to.

A node (level, place) is over the 2 ** level leaves from place * 2 ** level on, and never changes once it has all of
them. Whatever a proof needs is a span of leaves that begins at a multiple of a power of two which is no less than its
length: one node, or where the tree ends a few. So a proof costs what the tree is high, not what it holds.
"""

import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

# Before what is hashed, so that no leaf can be taken for a node (RFC 6962, section 2.1).
_LEAF, _NODE = b"\x00", b"\x01"
EMPTY_ROOT = hashlib.sha256(b"").digest()


class Node(NamedTuple):
    """A node that is over as many leaves as it will ever be; level 0 is a leaf."""

    level: int
    place: int


class Span(NamedTuple):
    """The leaves from `first` up to and without `end`."""

    first: int
    end: int

    @property
    def nodes(self) -> list[Node]:
        """The nodes that it is made of, from the left: each half as high as the one before it, at most."""
        return list(_nodes(self.first, self.end))


def leaf_hash(leaf: bytes) -> bytes:
    """The hash of a leaf."""
    return hashlib.sha256(_LEAF + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of a node over two others."""
    return hashlib.sha256(b"".join((_NODE, left, right))).digest()


def folded(hashes: Sequence[bytes]) -> bytes:
    """The hash over the nodes of a span, which come from the left; that of the empty tree where there are none."""
    if not hashes:
        return EMPTY_ROOT
    found = hashes[-1]
    for each in reversed(hashes[:-1]):
        found = node_hash(each, found)
    return found


def inclusion_path(index: int, size: int) -> list[Span]:
    """The spans beside the way from a leaf up to the root of the tree of so many leaves, from the leaf on.

    Raises ValueError for a leaf that is not in that tree (RFC 6962, section 2.1.1).
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    return list(_path(index, Span(0, size)))


def consistency_path(old: int, new: int) -> list[Span]:
    """The spans that prove a tree of `old` leaves to be the beginning of one of `new` (RFC 6962, section 2.1.2).

    None where both are one, or the old one is empty. Raises ValueError where the old one is larger.
    """
    if not 0 <= old <= new:
        raise ValueError(f"a tree of {old} leaves is not the beginning of one of {new}")
    return list(_subproof(old, Span(0, new), known=True)) if old else []


def _split(span: Span) -> int:
    """Where the right side of a span begins: as many leaves from its first as the largest power of two below all."""
    return span.first + (1 << (span.end - span.first - 1).bit_length() - 1)


def _path(index: int, span: Span) -> Iterator[Span]:
    if span.end - span.first == 1:
        return
    middle = _split(span)
    left, right = Span(span.first, middle), Span(middle, span.end)
    inside, beside = (left, right) if index < middle else (right, left)
    yield from _path(index, inside)
    yield beside


def _subproof(old: int, span: Span, *, known: bool) -> Iterator[Span]:
    """What proves the first leaves of a span, up to `old`; `known` whether these are all of the old tree."""
    if old == span.end:
        if not known:
            yield span
        return
    middle = _split(span)
    if old <= middle:
        yield from _subproof(old, Span(span.first, middle), known=known)
        yield Span(middle, span.end)
    else:
        yield from _subproof(old, Span(middle, span.end), known=False)
        yield Span(span.first, middle)


def _nodes(first: int, end: int) -> Iterator[Node]:
    while first < end:
        level = (end - first).bit_length() - 1
        if first:
            level = min(level, (first & -first).bit_length() - 1)
        yield Node(level, first >> level)
        first += 1 << level
