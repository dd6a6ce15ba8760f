"""A payout against the one before that can be compared with it, step by step."""

from dataclasses import dataclass

from psycopg import Cursor
from psycopg.rows import TupleRow

from projections.payout_explained import ExplainedPayout, explained_payout
from projections.payout_steps import Step, WaterfallStep, waterfall

# The payout before that can be compared, of the same operator and currency: first attempts only, since later ones
# pay the same again and those at once a part of a day; and none that people rejected, since it paid nothing.
_BEFORE = """
SELECT payout_id FROM surface.payouts
WHERE operator_id = %(operator_id)s AND currency = %(currency)s AND business_date < %(business_date)s AND attempt = 1
  AND status <> 'REJECTED'
ORDER BY business_date DESC LIMIT 1
"""
_ORDER = {step: place for place, step in enumerate(Step)}


@dataclass(frozen=True, slots=True)
class ChangedStep:
    """A step of two payouts."""

    code: Step
    before: WaterfallStep
    now: WaterfallStep

    @property
    def amount(self) -> int:
        """By how much it is more than before."""
        return self.now.amount - self.before.amount


@dataclass(frozen=True, slots=True)
class Change:
    """A payout against the one before, None where it is the first; the steps with the largest difference first."""

    payout: ExplainedPayout
    before: ExplainedPayout | None
    steps: tuple[ChangedStep, ...]


def before(cursor: Cursor[TupleRow], payout: ExplainedPayout) -> ExplainedPayout | None:
    """The operator's payout before this one, in the same currency; None where it is the first."""
    asked = {
        "operator_id": payout.operator_id,
        "currency": payout.currency,
        "business_date": payout.business_date,
    }
    row = cursor.execute(_BEFORE, asked).fetchone()
    return explained_payout(cursor, row[0]) if row else None


def change(cursor: Cursor[TupleRow], payout: ExplainedPayout) -> Change:
    """What is different from the operator's payout before, in the same currency."""
    earlier = before(cursor, payout)
    nothing = {step: WaterfallStep(step, 0, 0) for step in Step}
    now = nothing | {step.code: step for step in waterfall(cursor, payout).steps}
    then = nothing | ({step.code: step for step in waterfall(cursor, earlier).steps} if earlier else {})
    steps = [ChangedStep(step, then[step], now[step]) for step in Step]
    told = [step for step in steps if step.amount or step.now.entries or step.before.entries]
    told.sort(key=lambda step: (-abs(step.amount), _ORDER[step.code]))
    return Change(payout, earlier, tuple(told))
