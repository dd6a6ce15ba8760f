"""What an operator can be paid at once, of what is known now: its fee (J41), its limit, and why it cannot be.

Amounts in minor units of the operator's currency, in which alone it is paid at once (rule P24).
"""

from dataclasses import dataclass
from datetime import date

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.catalogue.run_terms import InstantFee
from domain.payout.instant import ATTEMPTS
from projections.operator_lines import Desk
from projections.payout_excluded import Reason

# What was paid at once of a business date: the first attempts of all requests.
_OF_DAY = """
SELECT coalesce(sum(amount), 0)::bigint FROM surface.payouts
WHERE operator_id = %s AND currency = %s AND business_date = %s AND attempt > %s AND attempt %% %s = 1
"""


@dataclass(frozen=True, slots=True)
class Offer:
    """What can be paid at once: `fee` is None where the terms have no instant payouts.

    `at_hand` is due and not kept back as reserve, tax or by `retain`; `most` what can be paid of it with the fee,
    within what is left of `limit`, of which `paid` is used by the business date. `is_held`: nothing is paid now.
    """

    currency: str
    business_date: date
    fee: InstantFee | None
    minimum: int
    at_hand: int
    most: int
    limit: int | None
    paid: int
    is_held: bool

    def why_not(self, amount: int) -> str | None:
        """Which of its bounds an amount breaks, as a name: `NO_TERMS`, `HELD`, `TOO_MUCH`, `BELOW_MINIMUM`."""
        if self.fee is None:
            return "NO_TERMS"
        if self.is_held:
            return "HELD"
        if amount <= 0 or amount > self.most:
            return "TOO_MUCH"
        return "BELOW_MINIMUM" if amount < self.minimum else None


def instant_offer(cursor: Cursor[TupleRow], of: Desk) -> Offer:
    """What is offered to the operator of a desk whose terms are known."""
    assert of.terms is not None
    contract = of.terms.contract()
    currency, fee, limit = contract.currency, contract.runs.instant_fee, contract.runs.limits.instant
    key = (of.operator_id, currency, of.next_date, ATTEMPTS, ATTEMPTS)
    (paid,) = cursor.execute(_OF_DAY, key).fetchone() or (0,)
    run, at_hand = of.runs.get(currency), 0
    if run is not None:
        at_hand = run.due - run.reserve - contract.runs.retain if run.reason else run.pays
    at_hand = max(0, at_hand)
    most = fee.most(at_hand) if fee else 0
    if limit is not None:
        most = max(0, min(most, limit - paid))
    is_held = of.held_because is not None or (run is not None and run.reason is Reason.HELD)
    minimum = contract.payout.minimum_minor
    return Offer(currency, of.next_date, fee, minimum, at_hand, most, limit, paid, is_held)
