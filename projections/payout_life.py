"""What became of a payout on the book: its own entries, from its hand-off to what banks answered."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.posting import entry_id
from domain.payout.booked import PAID_TWICE_KEY, RESERVE_KEY, RESERVE_RELEASE_KEY
from domain.payout.events import payout_stream
from projections.payout_explained import ExplainedPayout

# What moved a payout in transit, and what came back of it or of its reserve; what was taken back is left out.
_LIFE = """
SELECT line.entry_id, line.kind, line.effective_at
FROM projection.account_lines AS line
WHERE line.account = %(transit)s AND line.currency = %(currency)s
  AND NOT EXISTS (
      SELECT FROM projection.account_lines AS other
      WHERE other.account = line.account AND other.currency = line.currency
        AND other.effective_at = line.effective_at AND other.kind = line.kind
      HAVING sum(other.amount) = 0
  )
UNION ALL
SELECT entry.entry_id, entry.kind, entry.effective_at
FROM surface.entries AS entry
WHERE entry.entry_id = ANY (%(own)s)
  AND NOT EXISTS (SELECT FROM surface.entries AS mirror WHERE mirror.reverses = entry.entry_id)
UNION ALL
SELECT line.entry_id, line.kind, line.effective_at
FROM projection.account_lines AS line JOIN surface.entries AS entry USING (entry_id)
WHERE line.account = %(to_fix)s AND line.currency = %(currency)s AND line.kind = 'J39'
  AND line.effective_at >= %(fired_at)s AND entry.payout_id = %(payout_id)s
  AND entry.reverses IS NULL
  AND NOT EXISTS (SELECT FROM surface.entries AS mirror WHERE mirror.reverses = entry.entry_id)
ORDER BY effective_at, kind
"""


class LifeLine(NamedTuple):
    """An entry of a payout that stands: of which kind, and when it acts."""

    entry_id: UUID
    kind: str
    effective_at: datetime


def payout_life(cursor: Cursor[TupleRow], payout: ExplainedPayout) -> list[LifeLine]:
    """What stands of a payout's own entries, in the order of time."""
    stream_id = payout_stream(payout.payout_id)
    asked = {
        "payout_id": payout.payout_id,
        "currency": payout.currency,
        "fired_at": payout.fired_at,
        "transit": f"2050/{payout.payout_id}",
        "to_fix": f"2060/{payout.operator_id}",
        "own": [entry_id(stream_id, key, 1, 0) for key in (RESERVE_KEY, RESERVE_RELEASE_KEY, PAID_TWICE_KEY)],
    }
    return [LifeLine(*row) for row in cursor.execute(_LIFE, asked).fetchall()]
