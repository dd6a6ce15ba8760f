"""How a payout comes to its amount: the lines that it pays, and the steps from gross to net.

Amounts are minor units, positive in the operator's favour.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

from projections.payout_explained import FEE, HOLD, TAX, ExplainedPayout
from projections.payout_story import PaidLine

# Lines whose stream is a payout's or a matter's, and no session's.
OF_PAYOUTS = ("J31", "J32", "J34", "J40x", "J41", "J43", "J45", "J46", "J49", "J50")

# The lines that a payout pays, in the order in which they act, a part at a time.
_LINES: LiteralString = """
SELECT line.entry_id, line.kind, entry.session_id, line.effective_at, line.released_at, line.available_on, line.amount
FROM (
    SELECT line.*
    FROM surface.payouts CROSS JOIN unnest(payouts.entry_ids) AS paid (entry_id)
    JOIN surface.payable_lines AS line USING (entry_id, operator_id)
    WHERE payouts.payout_id = %(payout_id)s
      AND (%(after)s::timestamptz IS NULL
           OR (line.effective_at, line.entry_id) > (%(after)s, %(after_id)s::uuid))
      AND (%(kinds)s::text[] IS NULL OR (line.kind = ANY (%(kinds)s)) = %(among)s)
    ORDER BY line.effective_at, line.entry_id
    LIMIT %(limit)s
) AS line
JOIN surface.entries AS entry USING (entry_id)
ORDER BY line.effective_at, line.entry_id
"""
# What a payout pays, by kind of entry.
_BY_KIND = """
SELECT line.kind, count(*), sum(line.amount)::bigint
FROM surface.payouts CROSS JOIN unnest(payouts.entry_ids) AS paid (entry_id)
JOIN surface.payable_lines AS line USING (entry_id, operator_id)
WHERE payouts.payout_id = %s
GROUP BY line.kind
ORDER BY line.kind
"""
_SESSIONS_PAID = """
SELECT count(DISTINCT stream_id) FILTER (WHERE kind <> ALL (%(of_payouts)s))
FROM surface.payouts CROSS JOIN unnest(payouts.entry_ids) AS paid (entry_id)
JOIN surface.payable_lines AS line USING (entry_id, operator_id)
WHERE payouts.payout_id = %(payout_id)s
"""


class Step(StrEnum):
    """A step from gross to what is paid, in the order in which they are shown."""

    GROSS_CARD = "GROSS_CARD"
    GROSS_ROAMING = "GROSS_ROAMING"
    COMMISSION = "COMMISSION"
    SPLITS = "SPLITS"
    PSP_FEES = "PSP_FEES"
    PAYMENT_FAILED = "PAYMENT_FAILED"
    REFUNDS = "REFUNDS"
    DISPUTES = "DISPUTES"
    CORRECTIONS = "CORRECTIONS"
    ADJUSTMENTS = "ADJUSTMENTS"
    RESERVE_RELEASED = "RESERVE_RELEASED"
    RESERVE_HELD = "RESERVE_HELD"
    WITHHELD = "WITHHELD"
    PAYOUT_FEES = "PAYOUT_FEES"
    OTHER = "OTHER"


STEP_OF_KIND: Mapping[str, Step] = {
    "J01": Step.GROSS_CARD,
    # What the platform buys, to sell it to whoever charges.
    "J06": Step.GROSS_CARD,
    "J06r": Step.GROSS_CARD,
    "J13": Step.GROSS_ROAMING,
    "J24h": Step.GROSS_ROAMING,
    "J02": Step.COMMISSION,
    "J02t": Step.COMMISSION,
    "J14": Step.COMMISSION,
    "J07": Step.SPLITS,
    "J04": Step.PSP_FEES,
    "J01f": Step.PAYMENT_FAILED,
    "J25": Step.REFUNDS,
    "J26": Step.REFUNDS,
    "J27": Step.DISPUTES,
    "J28r": Step.DISPUTES,
    "J29": Step.DISPUTES,
    "J30": Step.DISPUTES,
    "J59": Step.CORRECTIONS,
    "J21": Step.CORRECTIONS,
    "J18": Step.DISPUTES,
    "J19": Step.DISPUTES,
    "J20": Step.DISPUTES,
    "J45": Step.ADJUSTMENTS,
    "J46": Step.ADJUSTMENTS,
    "J32": Step.RESERVE_RELEASED,
    HOLD: Step.RESERVE_HELD,
    TAX: Step.WITHHELD,
    FEE: Step.PAYOUT_FEES,
}


@dataclass(frozen=True, slots=True)
class WaterfallStep:
    """One step with the number of entries it stands for."""

    code: Step
    entries: int
    amount: int


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The steps from gross to what is paid; they add up to `amount`."""

    payout: ExplainedPayout
    steps: tuple[WaterfallStep, ...]


def paid_lines(
    cursor: Cursor[TupleRow],
    payout: ExplainedPayout,
    limit: int | None = None,
    after: tuple[datetime, UUID] | None = None,
    step: Step | None = None,
) -> list[PaidLine]:
    """The lines that a payout pays, of a step or all, in the order in which they act, behind one of them.

    All of them add up to its amount: what one that waits for approval keeps comes last, though not posted yet.
    """
    at, id_ = after or (None, None)
    asked: dict[str, Any] = {"payout_id": payout.payout_id, "limit": limit, "after": at, "after_id": id_}
    asked |= {"kinds": _kinds_of(step), "among": step is not Step.OTHER}
    with cursor.connection.cursor(row_factory=class_row(PaidLine)) as rows:
        found = rows.execute(_LINES, asked).fetchall()
    for kind, amount in payout.not_posted:
        if (step is None or step is STEP_OF_KIND[kind]) and (limit is None or len(found) < limit):
            kept = PaidLine(None, kind, None, payout.fired_at, payout.fired_at, payout.business_date, amount)
            found.append(kept)
    return found


def _kinds_of(step: Step | None) -> Sequence[str] | None:
    """The kinds of a step; of OTHER those that are none of it."""
    if step is None:
        return None
    return [kind for kind, each in STEP_OF_KIND.items() if each is step or step is Step.OTHER]


def sessions_paid(cursor: Cursor[TupleRow], payout: ExplainedPayout) -> int:
    """Of how many sessions a payout pays anything."""
    row = cursor.execute(_SESSIONS_PAID, {"payout_id": payout.payout_id, "of_payouts": list(OF_PAYOUTS)}).fetchone()
    return int(row[0]) if row else 0


def waterfall(cursor: Cursor[TupleRow], payout: ExplainedPayout) -> Waterfall:
    """How a payout comes to its amount; steps of nothing are left out."""
    entries: dict[Step, int] = dict.fromkeys(Step, 0)
    amounts: dict[Step, int] = dict.fromkeys(Step, 0)
    for kind, count, amount in cursor.execute(_BY_KIND, (payout.payout_id,)):
        step = STEP_OF_KIND.get(kind, Step.OTHER)
        entries[step] += count
        amounts[step] += amount
    for kind, amount in payout.not_posted:
        amounts[STEP_OF_KIND[kind]] += amount
    steps = (WaterfallStep(step, entries[step], amounts[step]) for step in Step)
    return Waterfall(payout, tuple(step for step in steps if step.entries or step.amount))
