"""One payout explained, as documents: amounts are decimal texts, times in UTC."""

from typing import Any

from domain.calendar import utc_text
from domain.money import format_minor
from projections.payout_change import Change, ChangedStep
from projections.payout_excluded import Excluded, ExcludedSum, LateEntry, Reason
from projections.payout_explained import ExplainedPayout
from projections.payout_steps import Step, Waterfall

# What people call a step.
LABELS: dict[Step, str] = {
    Step.GROSS_CARD: "Card sessions, gross",
    Step.GROSS_ROAMING: "Roaming sessions, gross",
    Step.COMMISSION: "Commission",
    Step.SPLITS: "Parts of shares",
    Step.PSP_FEES: "Fees of payment providers",
    Step.PAYMENT_FAILED: "Payments that failed",
    Step.REFUNDS: "Refunds",
    Step.DISPUTES: "Chargebacks",
    Step.CORRECTIONS: "Corrections of sessions",
    Step.ADJUSTMENTS: "Adjustments",
    Step.RESERVE_RELEASED: "Reserve given back",
    Step.RESERVE_HELD: "Reserve held",
    Step.WITHHELD: "Taxes withheld",
    Step.PAYOUT_FEES: "Fee of an instant payout",
    Step.OTHER: "Other",
}
# Why something is not in a payout, in a sentence; what it comes with is said beside it.
SENTENCES: dict[Reason, str] = {
    Reason.NOT_RELEASED: "Not captured or not settled yet",
    Reason.AVAILABLE_LATER: "Released, and available from a later day",
    Reason.SET_ASIDE: "Set aside for a payout that waits for approval",
    Reason.ADVANCE_LIMIT: "Its driver has not paid, and no more is paid in advance",
    Reason.RETAINED: "Stays after the payout, and is a line of the next",
    Reason.WITHHELD: "Taxes and fees, booked once the payout is approved",
    Reason.PAID_AGAIN: "Came back from the attempt before (2060), and is paid again by this one",
    Reason.HELD: "Payouts are held",
    Reason.BAD_ACCOUNT: "No bank could know the account",
    Reason.BELOW_MINIMUM: "All that is due is below the minimum",
    Reason.CAME_LATER: "Due by what is known today, and not by what the run knew",
    Reason.UNEXPLAINED: "Due, and left out for no reason that is known",
}


def waterfall_document(found: Waterfall) -> dict[str, Any]:
    """`steps` from gross to what is paid, with their labels; they sum to `amount`."""
    payout = found.payout
    steps = [
        {
            "code": step.code.value,
            "label": LABELS[step.code],
            "entries": step.entries,
            "amount": format_minor(step.amount, payout.currency),
        }
        for step in found.steps
    ]
    return _head(payout) | {"steps": steps, "amount": format_minor(payout.amount, payout.currency)}


def excluded_document(found: Excluded) -> dict[str, Any]:
    """`included` - `reserve` is the payout's amount, `included` + the sum of `excluded` is `payable_before`."""
    payout = found.payout
    return _head(payout) | {
        "fired_at": utc_text(payout.fired_at),
        "amount": format_minor(payout.amount, payout.currency),
        "payable_before": format_minor(found.payable_before, payout.currency),
        "included": format_minor(payout.included, payout.currency),
        "reserve": format_minor(payout.reserve, payout.currency),
        "excluded": [excluded_sum_document(each, payout.currency) for each in found.excluded],
        "excluded_sum": format_minor(sum(each.amount for each in found.excluded), payout.currency),
        "late": [late_document(each, payout.currency) for each in found.late],
        "late_sum": format_minor(sum(each.amount for each in found.late), payout.currency),
    }


def change_document(found: Change) -> dict[str, Any]:
    """What is different from the payout before, null where it is the first; `change` is the sum of the steps."""
    payout, before = found.payout, found.before
    return _head(payout) | {
        "amount": format_minor(payout.amount, payout.currency),
        "before": {
            "payout_id": before.payout_id,
            "business_date": before.business_date.isoformat(),
            "amount": format_minor(before.amount, payout.currency),
        }
        if before
        else None,
        "change": format_minor(payout.amount - (before.amount if before else 0), payout.currency),
        "steps": [_changed(step, payout.currency) for step in found.steps],
    }


def _head(payout: ExplainedPayout) -> dict[str, Any]:
    return {
        "payout_id": payout.payout_id,
        "operator_id": payout.operator_id,
        "currency": payout.currency,
        "business_date": payout.business_date.isoformat(),
    }


def excluded_sum_document(each: ExcludedSum, currency: str) -> dict[str, Any]:
    """`comes_with` is the business date whose run may pay it, or the payout that it is set aside for."""
    available_on = each.available_on.isoformat() if each.available_on else None
    return {
        "reason": each.reason.value,
        "label": SENTENCES[each.reason],
        "entries": each.entries,
        "sessions": each.sessions,
        "amount": format_minor(each.amount, currency),
        "available_on": available_on,
        "payout_id": each.set_aside_for,
        "comes_with": available_on or each.set_aside_for,
    }


def late_document(each: LateEntry, currency: str) -> dict[str, Any]:
    """An entry that the run did not know."""
    return {
        "entry_id": str(each.entry_id),
        "kind": each.kind,
        "effective_at": utc_text(each.effective_at),
        "amount": format_minor(each.amount, currency),
    }


def _changed(step: ChangedStep, currency: str) -> dict[str, Any]:
    return {
        "code": step.code.value,
        "label": LABELS[step.code],
        "before": format_minor(step.before.amount, currency),
        "entries_before": step.before.entries,
        "now": format_minor(step.now.amount, currency),
        "entries": step.now.entries,
        "amount": format_minor(step.amount, currency),
    }
