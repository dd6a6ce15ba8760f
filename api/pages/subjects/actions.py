"""What became of what somebody did: published, taken or refused; it is looked up again by a link."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

from starlette.responses import Response

from api.access.roles import Right
from api.actions.followed import followed, kept_action, reading_hers
from api.actions.replaying import REPLAYED
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.view import View
from api.problems import not_found
from projections.reading import Snapshot

# What each kind of action is called, by those who did it.
WORDS: Final = {
    "payout.approved": "Approve a payout",
    "payout.rejected": "Reject a payout",
    "payout.retried": "Send a payout again",
    "payout.instant_requested": "Pay an operator at once",
    "payouts.stopped": "Stop all payouts",
    "payouts.resumed": "Resume all payouts",
    "payouts.reopened": "Open business dates again",
    "operator.payouts_held": "Hold an operator's payouts",
    "operator.payouts_released": "Release an operator's payouts",
    "bank_account.proposed": "Propose an account",
    "bank_account.confirmed": "Confirm an account",
    "operator.balance_funded": "Fund a balance below zero",
    "operator.balance_collected": "Collect a balance below zero",
    "bank.receipt_allocated": "Say whose money a line of a bank is",
    "adjustment.proposed": "Propose an adjustment",
    "adjustment.approved": "Approve an adjustment",
    "adjustment.rejected": "Reject an adjustment",
    "write_off.proposed": "Propose a write-off",
    "write_off.approved": "Approve a write-off",
    "write_off.rejected": "Reject a write-off",
    "reserve.held": "Hold a reserve",
    "reserve.released": "Release a reserve",
    "payee_checks.opted_out": "Have payees of files not checked",
    "payee_checks.opted_in": "Have payees of files checked again",
    "operator.notify_set": "Set of what an operator is told",
    "finding.assigned": "Say who looks after a finding",
    "tariff.rerating_ordered": "Order sessions rated anew",
    "period.closed": "Close a month",
    "period.reopened": "Open a month again",
    "sweep.proposed": "Propose to take own money out",
    "sweep.approved": "Approve that own money is taken out",
    "sweep.executed": "Say that own money was taken out",
    "vat.filed": "File a VAT return",
    "vat.paid": "Say that a VAT return was paid",
    REPLAYED: "Send refused records again",
}
# Where the page is of what actions are about, by their type or the first part of it, and what of it.
_PLACES: Final = {
    "payout.instant_requested": "/operators",
    "payout": "/payouts",
    "operator": "/operators",
    "bank_account": "/operators",
    "adjustment": "/adjustments",
    "write_off": "/write-offs",
    "reserve": "/operators",
    "finding": "/breaks",
}
_SENTENCES: Final = {
    "PUBLISHED": "It is on its way, and acts once it is taken in, mostly within a second. Look again in a moment.",
    "TAKEN": "It is taken in, and acts.",
    "REFUSED": "It is known, and has no effect.",
    "UNKNOWN": "Whether it is on its way is not known. Sending the same form again does it once in either case.",
}


@page("/actions/{action_id}", Right.SELF)
async def action(call: PageCall) -> Response:
    """How it stands, for who did it and for who reads the book."""
    action_id = call.path["action_id"]
    id_, kept = await kept_action(call, action_id)

    def ask(snapshot: Snapshot) -> Mapping[str, Any]:
        found = followed(snapshot, id_, kept)
        if found is None:
            raise not_found("action", action_id)
        return found

    def present(view: View, found: Mapping[str, Any]) -> Response:
        type_, subject = found.get("type", ""), found.get("subject", "")
        return render(
            "action.html",
            view,
            action=found,
            title=WORDS.get(type_, "An action"),
            sentence=_SENTENCES[found["state"]],
            subject=subject,
            href=_href(view, type_, subject),
            is_final=found["state"] in ("TAKEN", "REFUSED"),
        )

    reading = call if kept is None else reading_hers(call)
    return await reading.show(ask, present)


def _href(view: View, type_: str, subject: str) -> str | None:
    """The page of what it was about."""
    if type_.startswith("payouts."):
        return "/health#switch"
    if type_.startswith("payee_checks."):
        return "/health#payees"
    if type_ == "tariff.rerating_ordered":
        return view.link("/rerating-orders")
    if type_ == "operator.notify_set":
        return view.link("/subscriptions", *map(unquote, subject.split("/", 1)))
    if type_ == REPLAYED:
        is_one = len(subject) == 36
        return view.link("/dead-letters", subject) if is_one else view.link("/dead-letters", code=subject)
    place = _PLACES.get(type_) or _PLACES.get(type_.partition(".")[0])
    return view.link(place, subject) if place else None


ROUTES = (action,)
