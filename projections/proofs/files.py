"""The files of an export by which strangers check the journal: leaves, anchors, keys and the checker."""

from collections.abc import Callable, Iterator
from importlib.resources import files
from typing import TypeAlias

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow

from ledger.book.anchors import anchor_document, anchor_of, anchors_behind
from ledger.book.proofs import key_documents, leaf_document, leaves

CHECKER = "check.py"
_ANCHORS_AT_ONCE = 1_000

Lines: TypeAlias = Iterator[bytes]


def _leaf_lines(cursor: Cursor[TupleRow]) -> Lines:
    last = anchor_of(cursor)
    for leaf in leaves(cursor, last.tree_size if last else 0):
        yield orjson.dumps(leaf_document(leaf), option=orjson.OPT_APPEND_NEWLINE)


def _anchor_lines(cursor: Cursor[TupleRow]) -> Lines:
    number = 0
    while anchors := list(anchors_behind(cursor, number, _ANCHORS_AT_ONCE)):
        for anchor in anchors:
            yield orjson.dumps(anchor_document(anchor), option=orjson.OPT_APPEND_NEWLINE)
        number = anchors[-1].number


def _keys(cursor: Cursor[TupleRow]) -> Lines:
    keys, _ = key_documents(cursor)
    yield orjson.dumps(keys, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_INDENT_2)


def _introduction_lines(cursor: Cursor[TupleRow]) -> Lines:
    _, introductions = key_documents(cursor)
    for each in introductions:
        yield orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE)


def _checker(_cursor: Cursor[TupleRow]) -> Lines:
    yield files("projections.proofs").joinpath(CHECKER).read_bytes()


# Each file with what writes it. They are of the recorded axis: two stores that took in the same messages have others.
PROOF_FILES: dict[str, Callable[[Cursor[TupleRow]], Lines]] = {
    "proofs/leaves.jsonl": _leaf_lines,
    "proofs/anchors.jsonl": _anchor_lines,
    "proofs/introductions.jsonl": _introduction_lines,
    "proofs/keys.json": _keys,
    CHECKER: _checker,
}
