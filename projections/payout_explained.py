"""A payout as its explanation needs it: what it is, what it keeps, and where the event stands that made it.

How it comes to its amount is in `payout_steps`, what its run left out in `payout_excluded`, and what differs from
the payout before in `payout_change`.
"""

from dataclasses import dataclass
from datetime import date, datetime

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

from domain.payout.events import PayoutStatus

# The entries by which a payout moves its operator's payable itself: what it holds, its taxes, and its fee.
HOLD, TAX, FEE = "J31", "J34", "J41"

_RUN = """
SELECT payout_id, operator_id, currency, business_date, attempt, amount, reserve, status, fired_at, reissue_of,
       position, cardinality(entry_ids) AS entries, withheld, fee, handed_off_at
FROM surface.payouts JOIN surface.payout_parts USING (payout_id, operator_id)
WHERE payout_id = %s
"""


@dataclass(frozen=True, slots=True)
class ExplainedPayout:
    """A payout as its explanation needs it; `position` is that of the event that made it."""

    payout_id: str
    operator_id: str
    currency: str
    business_date: date
    attempt: int
    amount: int
    reserve: int
    status: str
    fired_at: datetime
    reissue_of: str | None
    position: int
    entries: int
    withheld: int = 0
    fee: int = 0
    handed_off_at: datetime | None = None

    @property
    def not_posted(self) -> list[tuple[str, int]]:
        """What it keeps of what it pays and is not on the book, since it waits for approval or was rejected."""
        if self.status not in (PayoutStatus.AWAITING_APPROVAL, PayoutStatus.REJECTED):
            return []
        kept = [(HOLD, -self.reserve), (TAX, -self.withheld), (FEE, -self.fee)]
        return [(kind, amount) for kind, amount in kept if amount]

    @property
    def included(self) -> int:
        """What it pays of the payable, before its own reserve."""
        return self.amount + self.reserve


def explained_payout(cursor: Cursor[TupleRow], payout_id: str) -> ExplainedPayout | None:
    """A payout by its id as it is written; None where there is none."""
    with cursor.connection.cursor(row_factory=class_row(ExplainedPayout)) as rows:
        return rows.execute(_RUN, (payout_id,)).fetchone()
