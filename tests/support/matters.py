"""Builders of what people decide between an operator and the platform, signed as the intake asks for it."""

from typing import Any

from tests.support.events import event, money

MAKER, CHECKER = "m.ortega", "j.lind"
Event = dict[str, Any]


def proposed(
    adjustment_id: str = "A-1",
    amount: str = "25.00",
    direction: str = "CREDIT",
    at: str = "2026-03-02T12:00:00Z",
    by: str = MAKER,
    currency: str = "EUR",
    **fields: Any,
) -> Event:
    """An adjustment of OP-1 is proposed."""
    data = {
        "adjustment_id": adjustment_id,
        "operator_id": "OP-1",
        "amount": money(amount, currency),
        "direction": direction,
        "reason_code": "GOODWILL",
        "note": "",
        "proposed_at": at,
        "by": by,
    }
    return _decision("adjustment.proposed", adjustment_id, at, data | fields)


def approved(adjustment_id: str = "A-1", at: str = "2026-03-02T13:00:00Z", by: str = CHECKER) -> Event:
    """Somebody approves it."""
    return _decision("adjustment.approved", adjustment_id, at, {"adjustment_id": adjustment_id, "at": at, "by": by})


def rejected(adjustment_id: str = "A-1", at: str = "2026-03-02T13:00:00Z", by: str = CHECKER) -> Event:
    """Somebody rejects it."""
    data = {"adjustment_id": adjustment_id, "at": at, "reason": "no reason was given", "by": by}
    return _decision("adjustment.rejected", adjustment_id, at, data)


def write_off_proposed(
    write_off_id: str = "W-1",
    account: str = "2010/OP-1",
    amount: str = "5.00",
    at: str = "2026-03-05T12:00:00Z",
    by: str = MAKER,
    **fields: Any,
) -> Event:
    """A write-off is proposed."""
    data = {
        "write_off_id": write_off_id,
        "account": account,
        "amount": money(amount),
        "reason_code": "NEGATIVE_BALANCE",
        "note": "",
        "at": at,
        "by": by,
    }
    return _decision("write_off.proposed", write_off_id, at, data | fields)


def write_off_approved(write_off_id: str = "W-1", at: str = "2026-03-05T13:00:00Z", by: str = CHECKER) -> Event:
    """Somebody approves it."""
    return _decision("write_off.approved", write_off_id, at, {"write_off_id": write_off_id, "at": at, "by": by})


def reserve_held(
    hold_id: str = "H-1",
    amount: str = "8.00",
    at: str = "2026-03-02T12:00:00Z",
    until: str | None = None,
    **fields: Any,
) -> Event:
    """Somebody keeps an amount of what OP-1 may be paid."""
    data = {
        "hold_id": hold_id,
        "operator_id": "OP-1",
        "amount": money(amount),
        "at": at,
        "reason": "disputes",
        "by": MAKER,
    }
    return _decision("reserve.held", hold_id, at, data | fields | ({"until": until} if until else {}))


def reserve_released(
    hold_id: str = "H-1", amount: str | None = None, at: str = "2026-03-03T12:00:00Z", **fields: Any
) -> Event:
    """Somebody gives it back, or some of it."""
    data = {"hold_id": hold_id, "operator_id": "OP-1", "at": at, "reason": "won", "by": MAKER}
    told = {"amount": money(amount)} if amount else {}
    return _decision("reserve.released", hold_id, at, data | told | fields)


def balance_funded(amount: str = "5.00", at: str = "2026-03-04T09:00:00Z", reference: str = "F-1") -> Event:
    """The platform makes client money whole."""
    return _of_balance("operator.balance_funded", amount, at, reference)


def balance_collected(amount: str = "5.00", at: str = "2026-03-04T10:00:00Z", reference: str = "C-1") -> Event:
    """The operator paid."""
    return _of_balance("operator.balance_collected", amount, at, reference)


def _of_balance(type_: str, amount: str, at: str, reference: str) -> Event:
    data = {
        "operator_id": "OP-1",
        "amount": money(amount),
        "at": at,
        "reference": reference,
        "reason": "below zero",
        "by": MAKER,
    }
    return _decision(type_, f"OP-1:{reference}", at, data)


def invoiced(
    invoice_id: str = "SI-1",
    net: str = "3.00",
    vat: str = "0.63",
    period: tuple[str, str] = ("2026-03-01", "2026-03-31"),
    at: str = "2026-03-02T08:00:00Z",
    *,
    netting: bool = True,
) -> Event:
    """The billing system invoiced OP-1; no decision, and not signed."""
    data = {
        "invoice_id": invoice_id,
        "operator_id": "OP-1",
        "net": money(net),
        "vat": money(vat),
        "period_from": period[0],
        "period_to": period[1],
        "invoiced_at": at,
        "netting": netting,
    }
    return event("saas.invoiced", invoice_id, at, data)


def _decision(type_: str, subject: str, at: str, data: Event) -> Event:
    return event(type_, subject, at, data, f"{type_}:{subject}:{at}:{data['by']}")
