"""The CDRs that went out: OCPI 2.2.1 documents, credit CDRs included."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.session.decisions import CdrCredited, CdrIssued
from ledger.arrays import array
from ledger.events.codec import UPCASTS, cut_document, dump

_ISSUED, _CREDITED = CdrIssued.__name__, CdrCredited.__name__

# A set of CDRs; one that is there already is the same. Documents are stored as they are, to the last digit. They go
# over in binary form (%b): as text, each of their many quotes would have to be escaped in the array.
_PUT = """
INSERT INTO projection.cdr_row (generation, session_id, number, credit, cdr_id, operator_id, issued_at, energy_wh,
                                document)
SELECT %s, sent.session_id, sent.number, sent.credit, sent.cdr_id, sent.operator_id, sent.issued_at, sent.energy_wh,
       sent.document::json
FROM unnest(%s::text[], %s::int[], %s::bool[], %s::text[], %s::text[], %s::timestamptz[], %s::numeric[], %b::text[])
    AS sent (session_id, number, credit, cdr_id, operator_id, issued_at, energy_wh, document)
ON CONFLICT (generation, session_id, number, credit) DO NOTHING
"""


def todays_form(topic: str, state: bytes) -> bytes:
    """The stored event in today's form; with exact decimals, since floats would lose digits of prices."""
    if topic in UPCASTS:
        return dump(UPCASTS[topic](json.loads(state, parse_float=Decimal)))
    return state


@dataclass(frozen=True, slots=True)
class Cdrs:
    """Keeps the document of every CdrIssued and CdrCredited."""

    topics: frozenset[str] = frozenset({_ISSUED, _CREDITED})
    table: str = "cdr_row"

    def apply(self, cursor: Cursor[TupleRow], generation: int, events: Sequence[tuple[str, bytes]]) -> None:
        """Put the documents of the set."""
        if not events:
            return
        sent: list[dict[str, Any]] = []
        documents: list[str] = []
        for topic, state in events:
            said, document = cut_document(todays_form(topic, state))
            sent.append(said)
            documents.append(document.decode())
        columns = (
            array([said["session_id"] for said in sent]),
            array([said["number"] for said in sent]),
            array([topic == _CREDITED for topic, _ in events]),
            array([said["cdr_id"] for said in sent]),
            array([said["operator_id"] for said in sent]),
            array([said.get("credited_at") or said["issued_at"] for said in sent]),
            # The energy is the first part of an issued CDR's key; a credit CDR has none.
            array([said["key"][0] if "key" in said else None for said in sent]),
        )
        cursor.execute(_PUT, (generation, *columns, documents))
