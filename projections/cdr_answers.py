"""What partners answered about CDRs: one row each, which says whether it was ever accepted."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import Cursor
from psycopg.rows import TupleRow

from ledger.arrays import array
from ledger.events.codec import read_body

_ACCEPTED, _REJECTED = "roaming.cdr_accepted", "roaming.cdr_rejected"

# A set of answers. What was accepted stays so: a later rejection credits the CDR, and that is accepted by the CDRs.
_PUT = """
INSERT INTO projection.cdr_answer_row AS known (generation, cdr_id, partner, accepted)
SELECT %s, sent.cdr_id, sent.partner, sent.accepted
FROM unnest(%s::text[], %s::text[], %s::bool[]) AS sent (cdr_id, partner, accepted)
ON CONFLICT (generation, cdr_id, partner) DO UPDATE SET accepted = true
WHERE excluded.accepted AND NOT known.accepted
"""


@dataclass(frozen=True, slots=True)
class CdrAnswers:
    """Keeps by CDR and partner whether it was accepted or only rejected."""

    topics: frozenset[str] = frozenset({_ACCEPTED, _REJECTED})
    table: str = "cdr_answer_row"

    def apply(self, cursor: Cursor[TupleRow], generation: int, events: Sequence[tuple[str, bytes]]) -> None:
        """Put what the set says of each CDR; in any order, since an acceptance outweighs rejections."""
        accepted: dict[tuple[str, str], bool] = {}
        for topic, state in events:
            data = read_body(topic, state)["data"]
            key = (data["cdr_id"], data["partner"].upper())
            accepted[key] = accepted.get(key, False) or topic == _ACCEPTED
        if accepted:
            # In one order, as all writers take their locks.
            keys = sorted(accepted)
            columns = (array([cdr_id for cdr_id, _ in keys]), array([partner for _, partner in keys]))
            cursor.execute(_PUT, (generation, *columns, array([accepted[key] for key in keys])))
