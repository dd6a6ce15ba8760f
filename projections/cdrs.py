"""The CDRs that went out: OCPI 2.2.1 documents, credit CDRs included."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.session_events import CdrCredited, CdrIssued
from ledger.codec import UPCASTS, dump

_ISSUED, _CREDITED = CdrIssued.__name__, CdrCredited.__name__

# A set of CDRs; one that is there already is the same. Documents go over in binary form (%b): as text, each of their
# many quotes would have to be escaped in the array, which took most of the time of this projection.
_PUT = """
INSERT INTO projection.cdr_row (generation, session_id, number, credit, cdr_id, operator_id, issued_at, document)
SELECT %s, issued.session_id, issued.number, issued.credit, issued.cdr_id, issued.operator_id, issued.issued_at,
       issued.document::json
FROM unnest(%s::text[], %s::int[], %s::bool[], %s::text[], %s::text[], %s::timestamptz[], %b::text[])
    AS issued (session_id, number, credit, cdr_id, operator_id, issued_at, document)
ON CONFLICT (generation, session_id, number, credit) DO NOTHING
"""


def _read(topic: str, state: bytes) -> dict[str, Any]:
    """The stored event as JSON with exact decimals: floats would lose digits of prices on the way through."""
    body: dict[str, Any] = json.loads(state, parse_float=Decimal)
    return UPCASTS[topic](body) if topic in UPCASTS else body


def _row(topic: str, state: bytes) -> tuple[object, ...]:
    body = _read(topic, state)
    credit = topic == _CREDITED
    issued_at = body["credited_at" if credit else "issued_at"]
    document = dump(body["document"]).decode()
    return body["session_id"], body["number"], credit, body["cdr_id"], body["operator_id"], issued_at, document


@dataclass(frozen=True, slots=True)
class Cdrs:
    """Keeps the document of every CdrIssued and CdrCredited."""

    topics: frozenset[str] = frozenset({_ISSUED, _CREDITED})
    table: str = "cdr_row"

    def apply(self, cursor: Cursor[TupleRow], generation: int, events: Sequence[tuple[str, bytes]]) -> None:
        """Put the documents of the set."""
        if events:
            rows = [_row(topic, state) for topic, state in events]
            cursor.execute(_PUT, (generation, *[list(column) for column in zip(*rows, strict=True)]))
