"""What a reader may decide about a payout or a proposal, and why she may not, in a sentence."""

from collections.abc import Mapping
from typing import Any, Final

from markupsafe import Markup

from api.access.principal import Principal
from api.access.roles import Right, may
from api.actions.four_eyes import changes_by, is_changer, refuse_maker, refuse_no_person
from api.pages.elements import element
from api.pages.view import View
from api.problems import Problem
from domain.calendar import instant
from domain.payout.answers import is_of_the_account
from domain.payout.events import tries
from domain.payout.payout import AUTOMATIC_ATTEMPTS
from domain.people import same_person
from ledger.access.duties import Duty
from projections.decisions import TAKEN, Decision, decisions_about
from projections.documents.doubts import doubt_words, missing_words
from projections.reading import Snapshot

_BACK: Final = ("FAILED", "RETURNED")


def why_not_payout(snapshot: Snapshot, principal: Principal, payout: Mapping[str, Any]) -> str | None:
    """Why who reads may not approve a payout that waits; None where she may."""
    why = _why_nobody(principal)
    if why is not None:
        return why
    if any(same_person(each["by"], principal.name) for each in payout["approvals"]):
        return "You have approved this already; somebody else has to."
    if changes_by(snapshot, principal, payout["operator_id"]):
        return f"{is_changer(principal, payout['operator_id']).detail}."
    return None


def why_not_matter(principal: Principal, maker: str) -> str | None:
    """Why who reads may not decide what somebody proposed; None where she may."""
    why = _why_nobody(principal)
    return why if why is not None else _told(lambda: refuse_maker(principal, maker))


def sees_decisions(principal: Principal) -> bool:
    """Whether who reads is told of decisions at all: operators are not."""
    return principal.duty is not Duty.OPERATOR


def asked_again(snapshot: Snapshot, document: Mapping[str, Any]) -> Decision | None:
    """Who had a payout sent again that came to nothing; None where nobody did since."""
    if document["status"] not in _BACK:
        return None
    asked = decisions_about(snapshot.cursor, [document["payout_id"]], ["payout.retried"])
    since = instant(document["status_at"])
    return next((each for each in reversed(asked) if each.state == TAKEN and each.acts_at >= since), None)


def payout_decision(
    view: View,
    document: Mapping[str, Any],
    why_not: str | None,
    repeated_by: str | None,
    again: Decision | None,
    payee: Markup | str,
) -> dict[str, Any]:
    """What is to be decided about a payout now, why the reader may not, and what is told where it has changed."""
    is_back = document["status"] in _BACK and repeated_by is None
    return {
        "waits": document["status"] == "AWAITING_APPROVAL",
        "approvals": _approvals(view, document),
        "missing": _missing(document),
        "because": doubt_words(document["doubts"]),
        "payee": payee,
        "why_not": why_not,
        "is_back": is_back,
        "may_retry": is_back and again is None and view.may(Right.PROPOSE),
        "next": _next(view, document, again) if is_back else None,
        "seen": {
            "Status": document["status"],
            "Amount": document["amount"],
            "Account": document["account"],
            "The account is": (document["payee_check"] or {}).get("result", "not checked"),
            "Approved by": ", ".join(each["by"] for each in document["approvals"]),
            "Content hash": document["content_hash"],
        },
    }


def _next(view: View, document: Mapping[str, Any], again: Decision | None) -> Markup | str:
    """What becomes of a payout that came to nothing."""
    if again is not None:
        by, at = again.decided_by, view.reader.time(again.acts_at)
        return element("%s had it sent again, %s: it goes out at the next run. %s", by, at, again.reason or "")
    if document["status"] == "RETURNED" or is_of_the_account(document["reason"]):
        return "It goes again by itself at the next run once the operator has another account; or finance sends it."
    if tries(document["attempt"]) < AUTOMATIC_ATTEMPTS:
        return "It goes again by itself at the next run."
    return "It was tried three times, and waits for somebody of finance to send it again."


def approval_words(view: View, document: Mapping[str, Any]) -> str | Markup:
    """Who approved a payout, or how many have to."""
    if document["status"] == "AWAITING_APPROVAL":
        return _missing(document)
    return _approvals(view, document) or "not asked for by the operator’s terms"


def _approvals(view: View, document: Mapping[str, Any]) -> Markup:
    given = [element("%s, %s", each["by"], view.reader.time(each["at"])) for each in document["approvals"]]
    return Markup("; ").join(given)


def _missing(document: Mapping[str, Any]) -> str:
    return missing_words(document["approvals_needed"], len(document["approvals"]))


def _why_nobody(principal: Principal) -> str | None:
    if not may(principal.duty, Right.DECIDE):
        return f"Approvers decide; your role is {principal.duty.value}."
    return _told(lambda: refuse_no_person(principal))


def _told(check: Any) -> str | None:
    try:
        check()
    except Problem as problem:
        return f"{problem.detail[0].upper()}{problem.detail[1:]}."
    return None
