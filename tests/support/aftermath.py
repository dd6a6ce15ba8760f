"""Builders of what comes after a session, and of partners: refunds, disputes, settlements, answers, invoices."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from tests.support.events import event, money


def idle(session_id: str, at: str, state: str = "IDLE") -> dict[str, Any]:
    """The vehicle asks for no energy any more."""
    return event(
        "charging.session.state_changed", session_id, at, {"session_id": session_id, "at": at, "state": state}
    )


def partner(name: str, funding: str, time: str) -> dict[str, Any]:
    """A roaming partner, written as in `DE-ABC`, in EUR."""
    country_code, party_id = name.split("-")
    data = {
        "country_code": country_code,
        "party_id": party_id,
        "name": f"Partner {party_id}",
        "currency": "EUR",
        "fee": {"percent": "2", "per_session": "0.05"},
        "payment_terms_days": 30,
        "funding": funding,
    }
    return event("partner.registered", name, time, data)


def payment_failed(session_id: str, at: str) -> dict[str, Any]:
    """A payment failed for good."""
    data = {"payment_id": f"P-{session_id}", "session_id": session_id, "failed_at": at, "reason": "declined"}
    return event("payment.failed", session_id, at, data)


def refunded(refund_id: str, session_id: str, at: str, amount: dict[str, str], borne_by: str) -> dict[str, Any]:
    """Money went back to the driver."""
    data = {"refund_id": refund_id, "payment_id": f"P-{session_id}", "session_id": session_id, "amount": amount}
    return event("payment.refunded", session_id, at, data | {"refunded_at": at, "borne_by": borne_by}, refund_id)


def refund_failed(refund_id: str, session_id: str, at: str) -> dict[str, Any]:
    """A refund did not reach the driver."""
    data = {"refund_id": refund_id, "payment_id": f"P-{session_id}", "session_id": session_id, "failed_at": at}
    return event("payment.refund_failed", session_id, at, data | {"reason": "account closed"}, f"{refund_id}:failed")


def disputed(
    dispute_id: str, session_id: str, at: str, amount: dict[str, str], fee: dict[str, str]
) -> dict[str, Any]:
    """The driver's bank took an amount back."""
    data = {"dispute_id": dispute_id, "payment_id": f"P-{session_id}", "session_id": session_id, "amount": amount}
    return event("payment.disputed", session_id, at, data | {"fee": fee, "opened_at": at}, dispute_id)


def dispute_closed(dispute_id: str, session_id: str, at: str, outcome: str) -> dict[str, Any]:
    """A dispute was won or lost."""
    data = {"dispute_id": dispute_id, "payment_id": f"P-{session_id}", "session_id": session_id}
    data |= {"outcome": outcome, "closed_at": at}
    return event("payment.dispute_closed", session_id, at, data, f"{dispute_id}:{outcome}")


def settled(settlement_id: str, at: str, provider: str, captures: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The provider's money for these captures (the events' data) is on the bank account."""
    items = [{"payment_id": c["payment_id"], "gross": c["amount"], "fee": c["fee"]} for c in captures]
    net = sum((Decimal(i["gross"]["amount"]) - Decimal(i["fee"]["amount"]) for i in items), Decimal("0.00"))
    data = {"settlement_id": settlement_id, "provider": provider, "settled_at": at, "items": items}
    return event("payment.settled", provider, at, data | {"net": money(str(net), items[0]["gross"]["currency"])})


def cdr_id(session_id: str, number: int = 1) -> str:
    """The id of a session's CDR; numbers count from 1."""
    return str(uuid5(NAMESPACE_URL, f"wattledger:cdr:{session_id}:{number}"))


def cdr_answer(answer: str, partner: str, cdr_id: str, at: str) -> dict[str, Any]:
    """`accepted` or `rejected`, by a roaming partner."""
    data = {"cdr_id": cdr_id, "partner": partner, "at": at, "reason": "as agreed"}
    return event(f"roaming.cdr_{answer}", partner, at, data, f"{answer}:{cdr_id}:{at}")


def invoice_paid(
    invoice_id: str, partner: str, at: str, cdr_ids: list[str], amount: dict[str, str]
) -> dict[str, Any]:
    """A roaming partner paid for these CDRs."""
    data = {"invoice_id": invoice_id, "partner": partner, "cdr_ids": cdr_ids, "amount": amount, "paid_at": at}
    return event("roaming.invoice_paid", partner, at, data, invoice_id)


def payout_id(operator_id: str, business_date: str, attempt: int = 1, currency: str = "EUR") -> str:
    """The id of a payout; attempts count from 1."""
    name = f"wattledger:payout:{operator_id}:{currency}:{business_date}:{attempt}"
    return str(uuid5(NAMESPACE_URL, name))


def payout_answer(answer: str, payout_id: str, at: str) -> dict[str, Any]:
    """`accepted`, `paid`, `failed` or `returned`, by the payout processor."""
    data = {"payout_id": payout_id, "at": at}
    reason = {"reason": "AC04"} if answer in ("failed", "returned") else {}
    return event(f"payout.{answer}", payout_id, at, data | reason)
