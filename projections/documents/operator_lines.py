"""Payable lines and next runs of an operator, as documents: amounts are decimal texts, times in UTC."""

from typing import Any

from domain.calendar import utc_text
from domain.money import format_minor
from projections.operator_lines import Desk, LineState, NextRun, OperatorLine, why_not_paid
from projections.payout_excluded import Reason

_ROAMING = frozenset({"J13", "J14", "J18", "J19", "J20", "J21", "J24h"})
_RELEASED_BY = {
    "ON_SESSION": "The session is not rated yet",
    "ON_CAPTURE": "The driver's payment is not captured in full yet",
    "ON_SETTLEMENT": "The provider has not settled the payment yet",
}


def operator_line_document(of: Desk, line: OperatorLine) -> dict[str, Any]:
    """A payable line with its `state`, and a `reason` for people; `reason_code` is null for what is paid, or next."""
    code = why_not_paid(of, line)
    return {
        "entry_id": str(line.entry_id),
        "kind": line.kind,
        "session_id": line.session_id,
        "payout_id": line.payout_id,
        "currency": line.currency,
        "amount": format_minor(line.amount, line.currency),
        "effective_at": utc_text(line.effective_at),
        "released_at": utc_text(line.released_at) if line.released_at else None,
        "available_on": line.available_on.isoformat() if line.available_on else None,
        "state": of.state(line).value,
        "reason_code": code.value if code else None,
        "reason": reason_sentence(of, line, code),
    }


def reason_sentence(of: Desk, line: OperatorLine, code: Reason | None) -> str:
    """Where a line stands, in a sentence that names what it waits for."""
    if code is None and of.state(line) is LineState.PAID:
        return f"Paid by payout {line.payout_id}"
    if code is None:
        return f"Comes with the run of {of.next_date}"
    if code is Reason.NOT_RELEASED:
        return f"{_waits_for(of, line)}; it is payable once that has come"
    if code is Reason.AVAILABLE_LATER:
        return f"Available from {line.available_on}: comes with the run of that day"
    if code is Reason.SET_ASIDE:
        return f"Set aside for payout {line.payout_id}, which waits for approval"
    if code is Reason.ADVANCE_LIMIT:
        return "Its driver has not paid, and the operator's terms allow no more to be paid in advance"
    return run_sentence(of, of.runs[line.currency])


def run_sentence(of: Desk, run: NextRun) -> str:
    """What the next run does, or why it pays nothing."""
    currency = run.currency
    if run.reason is Reason.HELD and of.held_because is not None:
        return f"Held by somebody: {of.held_because}"
    if run.reason is Reason.HELD and "BAD_ACCOUNT" in of.held_up:
        return "Held: the operator's bank account cannot be one, and nothing is paid before there is another"
    if run.reason is Reason.HELD:
        return "Held: the operator's runs broke off, and people are told; nothing is paid before that is mended"
    if run.reason is Reason.BELOW_MINIMUM and run.due - run.reserve <= 0:
        due = format_minor(run.due, currency)
        return f"All that is due comes to {due} {currency}: nothing is paid before it is more than nothing"
    if run.reason is Reason.BELOW_MINIMUM:
        left, minimum = format_minor(run.due - run.reserve, currency), format_minor(run.minimum, currency)
        return f"Carried: all that is due comes to {left} {currency}, and the minimum is {minimum} {currency}"
    if run.reason is Reason.RETAINED:
        left = format_minor(run.due - run.reserve, currency)
        return f"Carried: all that is due comes to {left} {currency}, and the operator's terms retain as much or more"
    return f"The run of {run.business_date} pays {format_minor(run.pays, currency)} {currency}"


def next_run_document(of: Desk, run: NextRun) -> dict[str, Any]:
    """What the next run would pay of what is known now; `reason` says why it would pay nothing."""
    return {
        "currency": run.currency,
        "business_date": run.business_date.isoformat(),
        "fires_at": utc_text(run.fires_at) if run.fires_at else None,
        "lines": run.lines,
        "due": format_minor(run.due, run.currency),
        "reserve": format_minor(run.reserve, run.currency),
        "retained": format_minor(run.retained, run.currency),
        "withheld": format_minor(run.withheld, run.currency),
        "minimum": format_minor(run.minimum, run.currency),
        "pays": format_minor(run.pays, run.currency),
        "reason_code": run.reason.value if run.reason else None,
        "reason": run_sentence(of, run),
    }


def _waits_for(of: Desk, line: OperatorLine) -> str:
    if line.kind in _ROAMING:
        return "The roaming partner has not paid the invoice yet"
    released_by = of.terms.terms.get("fund_release", "") if of.terms else ""
    return _RELEASED_BY.get(released_by, "Nothing has released it yet")
