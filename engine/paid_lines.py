"""Whether what lines say is paid was paid: by the stored events of the payouts that they name."""

from collections.abc import Iterator, Sequence

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.payout.events import PayoutStatus
from domain.payout.payout import Payout
from engine.payout_streams import load_payouts

# It reads all that was ever paid to operators.
_PAID = """
SELECT operator_id, payout_id, array_agg(entry_id::text) FROM intake.line
WHERE operator_id = ANY(%s) AND payout_id IS NOT NULL GROUP BY operator_id, payout_id
ORDER BY operator_id, payout_id
"""


def hidden_lines(cursor: Cursor[TupleRow], operator_ids: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Operators with a line whose payout does not pay it, each with a sentence that says which."""
    rows = cursor.execute(_PAID, (list(operator_ids),)).fetchall() if operator_ids else []
    payouts = load_payouts(cursor, (payout_id for _, payout_id, _ in rows), locked=False)
    for operator_id, payout_id, entry_ids in rows:
        for entry_id in sorted({*entry_ids} - _paid_by(payouts[payout_id])):
            sentence = (
                f"the line of entry {entry_id} is kept as paid by payout {payout_id}, which does not pay it by its "
                "stored events; the row of intake.line was changed by hand: nothing is paid before it is mended"
            )
            yield operator_id, sentence


def _paid_by(payout: Payout) -> frozenset[str]:
    made = payout.created or payout.proposed
    return frozenset() if made is None or payout.status is PayoutStatus.REJECTED else frozenset(made.entry_ids)
