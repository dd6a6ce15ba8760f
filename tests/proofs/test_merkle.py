"""Trees of up to 300 leaves: every proof is right for the checker of an export, and for one that others wrote."""

import hashlib
import json
import subprocess
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.book.merkle import (
    EMPTY_ROOT,
    Span,
    consistency_path,
    folded,
    inclusion_path,
    leaf_hash,
    node_hash,
)
from projections.proofs import check
from tests.ocpi.foreign.installing import go_program_of
from tests.support.examples import examples

LARGEST = 300
# All sizes take a minute, and are tried where more examples are asked for.
_FEW = (*range(66), 100, 127, 128, 129, 200, 255, 256, 257, 299, LARGEST)
SIZES = range(LARGEST + 1) if examples(1) > 1 else _FEW
LEAVES = [f"leaf {number}".encode() for number in range(LARGEST)]


@cache
def _root(first: int, end: int) -> bytes:
    """The hash of a span as RFC 6962, section 2.1 defines it, word for word."""
    if first == end:
        return hashlib.sha256().digest()
    if end - first == 1:
        return hashlib.sha256(b"\0" + LEAVES[first]).digest()
    half = 1
    while half * 2 < end - first:
        half *= 2
    return hashlib.sha256(b"\1" + _root(first, first + half) + _root(first + half, end)).digest()


def _hashes(spans: list[Span]) -> list[bytes]:
    """What a path has of spans, each put together of its nodes as they are stored."""
    return [folded([_root(n.place << n.level, (n.place + 1) << n.level) for n in span.nodes]) for span in spans]


def _proofs(size: int) -> Iterator[dict[str, Any]]:
    """Every proof of a tree: of each leaf, and of each tree that it began as."""
    for index in range(size):
        path = [each.hex() for each in _hashes(inclusion_path(index, size))]
        told = {"Index": index, "Size": size, "Leaf": LEAVES[index].hex(), "Root": _root(0, size).hex()}
        yield {"Kind": "inclusion", "Path": path, **told}
    for old in range(1, size + 1):
        path = [each.hex() for each in _hashes(consistency_path(old, size))]
        roots = {"OldRoot": _root(0, old).hex(), "NewRoot": _root(0, size).hex()}
        yield {"Kind": "consistency", "Old": old, "New": size, "Path": path, **roots}


def test_spans_are_made_of_nodes_as_they_are_stored() -> None:
    assert _root(0, 0) == EMPTY_ROOT == folded([])
    for size in range(LARGEST + 1):
        nodes = Span(0, size).nodes
        assert folded(_hashes([Span(n.place << n.level, (n.place + 1) << n.level) for n in nodes])) == _root(0, size)
        assert all(before.level > after.level for before, after in pairwise(nodes))


def test_every_proof_of_every_tree_passes_in_the_checker() -> None:
    for size in SIZES:
        root = _root(0, size)
        for index in range(size):
            path = _hashes(inclusion_path(index, size))
            assert len(path) <= (size - 1).bit_length()
            assert check.root_by_inclusion(index, size, check.leaf_hash(LEAVES[index]), path) == root
        for old in range(size + 1):
            check.root_by_consistency(old, size, _root(0, old), root, _hashes(consistency_path(old, size)))


def test_every_proof_of_every_tree_passes_in_what_others_wrote() -> None:
    program = go_program_of(Path(__file__).parent / "oracle")
    proofs = [json.dumps(each) for size in SIZES for each in _proofs(size)]
    # And one that no tree gives.
    proofs.append(proofs[-2].replace(LEAVES[7].hex(), LEAVES[8].hex()).replace(_root(0, 300).hex(), "00" * 32))
    done = subprocess.run([program], input="\n".join(proofs), capture_output=True, text=True, check=True)
    *right, wrong = done.stdout.split()
    assert len(right) == 2 * sum(SIZES)
    assert set(right) == {"true"}
    assert wrong == "false"


@given(st.data())
def test_a_proof_that_is_changed_in_any_way_does_not_pass(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, LARGEST))
    index = data.draw(st.integers(0, size - 1))
    path, root = _hashes(inclusion_path(index, size)), _root(0, size)
    place = data.draw(st.integers(0, len(path) - 1))
    changed = data.draw(
        st.sampled_from(
            [
                [*path[:place], bytes(32), *path[place + 1 :]],
                [*path[:place], *path[place + 1 :]],
                [*path, bytes(32)],
                [bytes(32), *path],
            ]
        )
    )
    assert not _leads_to(root, index, size, LEAVES[index], changed)
    other = data.draw(st.integers(0, size - 1).filter(lambda each: each != index))
    assert not _leads_to(root, index, size, LEAVES[other], path)
    # In a tree of another size, or at another place, a path leads elsewhere or is too long or too short, unless it is
    # that of the last of two halves, which does not say how many there are beside it.
    assert not _leads_to(_root(0, size - 1), index, size, LEAVES[index], path)


def _leads_to(root: bytes, index: int, size: int, leaf: bytes, path: list[bytes]) -> bool:
    try:
        return check.root_by_inclusion(index, size, check.leaf_hash(leaf), path) == root
    except check.Wrong:
        return False


@given(st.data())
def test_no_path_makes_one_tree_the_beginning_of_another_that_it_is_not(data: st.DataObject) -> None:
    new = data.draw(st.integers(2, LARGEST))
    old = data.draw(st.integers(1, new - 1))
    path = _hashes(consistency_path(old, new))
    with pytest.raises(check.Wrong):
        check.root_by_consistency(old, new, bytes(32), _root(0, new), path)
    with pytest.raises(check.Wrong):
        check.root_by_consistency(old, new, _root(0, old), bytes(32), path)
    with pytest.raises(check.Wrong):
        check.root_by_consistency(old, new, _root(0, old), _root(0, new), [*path, bytes(32)])


def test_what_is_in_no_tree_is_refused() -> None:
    for index, size in ((0, 0), (3, 3), (-1, 3)):
        with pytest.raises(ValueError, match="is not in a tree"):
            inclusion_path(index, size)
        with pytest.raises(check.Wrong, match="is not in a tree"):
            check.root_by_inclusion(index, size, bytes(32), [])
    with pytest.raises(ValueError, match="is not the beginning"):
        consistency_path(4, 3)
    assert consistency_path(0, 3) == consistency_path(3, 3) == []


def test_a_leaf_is_no_node() -> None:
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert leaf_hash(left + right) != node_hash(left, right)
