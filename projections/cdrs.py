"""The CDRs that went out: OCPI 2.2.1 documents, credit CDRs included."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.session_events import CdrCredited, CdrIssued
from ledger.arrays import array
from ledger.codec import UPCASTS, dump

_ISSUED, _CREDITED = CdrIssued.__name__, CdrCredited.__name__

# A set of CDRs; one that is there already is the same. The database takes the stored events apart, once each, and
# keeps a document's text as it is, to the last digit. They go over in binary form (%b): as text, each of their many
# quotes would have to be escaped in the array.
_PUT = """
INSERT INTO projection.cdr_row (generation, session_id, number, credit, cdr_id, operator_id, issued_at, document,
                                energy_wh)
SELECT %s, issued.session_id, issued.number, stored.credit, issued.cdr_id, issued.operator_id,
       coalesce(issued.credited_at, issued.issued_at), issued.document, (issued.key ->> 0)::numeric
FROM unnest(%b::text[], %s::bool[]) AS stored (state, credit)
CROSS JOIN json_to_record(stored.state::json) AS issued (
    session_id text, number int, cdr_id text, operator_id text, issued_at timestamptz, credited_at timestamptz,
    document json, key json
)
ON CONFLICT (generation, session_id, number, credit) DO NOTHING
"""


def _today(topic: str, state: bytes) -> str:
    """The stored event in today's form; with exact decimals, since floats would lose digits of prices."""
    if topic in UPCASTS:
        state = dump(UPCASTS[topic](json.loads(state, parse_float=Decimal)))
    return state.decode()


@dataclass(frozen=True, slots=True)
class Cdrs:
    """Keeps the document of every CdrIssued and CdrCredited."""

    topics: frozenset[str] = frozenset({_ISSUED, _CREDITED})
    table: str = "cdr_row"

    def apply(self, cursor: Cursor[TupleRow], generation: int, events: Sequence[tuple[str, bytes]]) -> None:
        """Put the documents of the set."""
        if events:
            states = [_today(topic, state) for topic, state in events]
            cursor.execute(_PUT, (generation, states, array([topic == _CREDITED for topic, _ in events])))
