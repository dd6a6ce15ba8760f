"""A business date of an operator as a document, and in sentences: what was paid, and what held back what was not."""

from typing import Any

from domain.calendar import utc_text
from domain.money import format_minor
from projections.documents.payout_explained import excluded_sum_document, late_document
from projections.documents.payout_why import weekday_text
from projections.payout_day import DayOfOperator, DayState, NothingPaidOfDay, PayoutOfDay
from projections.payout_excluded import ExcludedSum, Reason

_HELD_UP = {
    "BAD_ACCOUNT": "no bank could know the operator's account, and nothing is paid before there is another",
    "COVER_SHORT": "client money does not reach for it",
    "RUNS_FAILED": "the operator's runs broke off, and people are told",
}


def day_document(of: DayOfOperator) -> dict[str, Any]:
    """A business date: its `payouts`, in `nothing_paid` each currency without one, and all of it as `sentences`.

    `waits_for` is null but for a run that is due and was not made.
    In each of `nothing_paid` the sum of `excluded` is `payable_before`.
    """
    return {
        "operator_id": of.operator_id,
        "business_date": of.business_date.isoformat(),
        "state": of.state.value,
        "fires_at": utc_text(of.fires_at) if of.fires_at else None,
        "waits_for": _waits_for(of) if of.state is DayState.WAITS else None,
        "payouts": [_payout(each) for each in of.payouts],
        "nothing_paid": [_nothing_paid(of, each) for each in of.nothing_paid],
        "sentences": sentences(of),
    }


def sentences(of: DayOfOperator) -> list[str]:
    """The day in words: what its run did, or waits for, and each amount that it left out, the largest first."""
    told = [_heading(of)]
    for payout in of.payouts:
        amount = f"{format_minor(payout.amount, payout.currency)} {payout.currency}"
        told.append(f"payout {payout.payout_id}, attempt {payout.attempt}, {payout.status}: {amount}")
    for each in of.nothing_paid:
        told.append(_owed(each))
        for sum_ in sorted(each.excluded, key=lambda sum_: -abs(sum_.amount)):
            amount = f"{format_minor(sum_.amount, each.currency)} {each.currency}"
            told.append(f"{amount}: {_words(of, each, sum_)}")
    return told


def _heading(of: DayOfOperator) -> str:
    day = f"{weekday_text(of.business_date)} of {of.operator_id}"
    fires = utc_text(of.fires_at) if of.fires_at else ""
    if of.state is DayState.NO_TERMS:
        return f"{day}: it had no terms by then, and no run"
    if of.state is DayState.OPEN:
        return f"{day}: its run fires at {fires}, and nothing is decided before"
    if of.state is DayState.WAITS:
        return f"{day}: its run was due at {fires} and waits: {_waits_for(of)}"
    if of.state is DayState.MADE:
        return f"{day}: its run fired at {fires}"
    if not of.nothing_paid:
        return f"{day}: its run fired at {fires} and paid nothing, since nothing was owed by then"
    return f"{day}: its run fired at {fires} and paid nothing"


def _waits_for(of: DayOfOperator) -> str:
    if of.stopped is not None:
        return f"all payouts are stopped since {utc_text(of.stopped.at)}: {of.stopped.reason}"
    found = [_HELD_UP[kind] for kind in of.held_up if kind in _HELD_UP]
    return "; ".join(found) or "it is made with the next clock, or once payouts go on"


def _owed(each: NothingPaidOfDay) -> str:
    owed = f"{format_minor(each.payable_before, each.currency)} {each.currency} were owed, and nothing of it was paid"
    if each.next_payout is None:
        return f"{owed}; there is no payout after it yet"
    payout_id, day = each.next_payout
    return f"{owed}; the next payout is {payout_id}, of {weekday_text(day)}"


def _words(of: DayOfOperator, each: NothingPaidOfDay, sum_: ExcludedSum) -> str:
    """Why a sum was left out, with what it waited for."""
    if sum_.reason is Reason.HELD and of.held is not None:
        return f"held by somebody from {utc_text(of.held.began.at)} on: {of.held.began.reason}"
    if sum_.reason is Reason.AVAILABLE_LATER and sum_.available_on is not None:
        return f"released, and available from {weekday_text(sum_.available_on)}"
    if sum_.reason is Reason.SET_ASIDE:
        return f"set aside for payout {sum_.set_aside_for}, which waited for approval"
    if sum_.reason in _DUE:
        return _DUE[sum_.reason].format(**_amounts(each))
    return _SENTENCES[sum_.reason]


_SENTENCES = {
    Reason.NOT_RELEASED: "not captured or not settled by then, as far as was known",
    Reason.SET_ASIDE: "set aside for a payout that waited for approval",
}
_DUE = {
    Reason.BAD_ACCOUNT: "due, but no bank could know the account that was in effect",
    Reason.ADVANCE_LIMIT: "due, but drivers had not paid: the terms allowed no more in advance",
    Reason.CAME_LATER: "due by what is known today, and not by what the run knew: a later run pays it",
    Reason.UNEXPLAINED: "due, and the run knew it: nothing that is known kept it from being paid",
    Reason.BELOW_MINIMUM: "due, but {left} would have been left after reserve and taxes; the minimum was {minimum}",
    Reason.RETAINED: "due, but {left} would have been left after reserve and taxes; the terms retain as much or more",
}


def _amounts(each: NothingPaidOfDay) -> dict[str, str]:
    left, minimum = (format_minor(amount, each.currency) for amount in (each.left, each.minimum))
    return {"left": f"{left} {each.currency}", "minimum": f"{minimum} {each.currency}"}


def _payout(each: PayoutOfDay) -> dict[str, Any]:
    return {
        "payout_id": each.payout_id,
        "currency": each.currency,
        "attempt": each.attempt,
        "amount": format_minor(each.amount, each.currency),
        "status": each.status,
        "reissue_of": each.reissue_of,
    }


def _nothing_paid(of: DayOfOperator, each: NothingPaidOfDay) -> dict[str, Any]:
    currency = each.currency
    return {
        "currency": currency,
        "payable_before": format_minor(each.payable_before, currency),
        "due": format_minor(each.due, currency),
        "reason_code": each.reason.value if each.reason else None,
        "excluded": [
            excluded_sum_document(sum_, currency) | {"sentence": _words(of, each, sum_)} for sum_ in each.excluded
        ],
        "excluded_sum": format_minor(sum(sum_.amount for sum_ in each.excluded), currency),
        "late": [late_document(late, currency) for late in each.late],
        "late_sum": format_minor(sum(late.amount for late in each.late), currency),
        "next_payout_id": each.next_payout[0] if each.next_payout else None,
        "next_business_date": each.next_payout[1].isoformat() if each.next_payout else None,
    }
