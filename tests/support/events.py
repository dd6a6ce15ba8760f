"""Builders of CloudEvents for tests: every event as a dict, with sensible defaults for what a test does not say."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_URL, uuid5
from uuid import NAMESPACE_URL, uuid5

import orjson

SOURCE = "urn:test"
EPOCH = "2026-03-01T00:00:00Z"


def event(type_: str, subject: str, time: str, data: dict[str, Any], id_: str | None = None) -> dict[str, Any]:
    """A structured CloudEvent; its id is made of type, subject and time when a test does not name one."""
    return {
        "specversion": "1.0",
        "id": id_ or f"{type_}:{subject}:{time}",
        "source": SOURCE,
        "type": type_,
        "subject": subject,
        "time": time,
        "data": data,
    }


def lines(events: Iterable[dict[str, Any]]) -> list[bytes]:
    """Events as JSON lines."""
    return [orjson.dumps(each) for each in events]


def operator(operator_id: str = "OP-1", *, changed: bool = False, time: str = EPOCH, **terms: Any) -> dict[str, Any]:
    """An operator in Amsterdam, EUR, 10 % commission with 21 % VAT, paid daily; `payout_*` overrides its terms."""
    payout = {
        "cutoff_time": "00:00",
        "business_days_only": False,
        "delay_days": 0,
        "minimum": "0.01",
        "reserve_percent": "0",
        "reserve_days": 0,
        "requires_approval": False,
    }
    payout |= {name.removeprefix("payout_"): terms.pop(name) for name in list(terms) if name.startswith("payout_")}
    data = {
        "operator_id": operator_id,
        "name": "Grachtenlader BV",
        "country_code": "NL",
        "party_id": "GRL",
        "time_zone": "Europe/Amsterdam",
        "currency": "EUR",
        "effective_from": time,
        "commission": {"percent": "10", "per_session": "0.00", "vat_percent": "21"},
        "psp_fee_bearer": "PLATFORM",
        "fund_release": "ON_CAPTURE",
        "payout": payout,
        "bank_account": {"holder": "Grachtenlader BV", "iban": "NL91ABNA0417164300", "bic": "ABNANL2A"},
    }
    type_ = "operator.changed" if changed else "operator.registered"
    return event(type_, operator_id, time, data | terms)


def tariff(
    operator_id: str = "OP-1",
    tariff_id: str = "T-1",
    *,
    time: str = EPOCH,
    price: float = 0.5,
    vat: float = 21,
    currency: str = "EUR",
    **fields: Any,
) -> dict[str, Any]:
    """A tariff by the kWh; `elements` and other OCPI fields may be given instead."""
    component = {"type": "ENERGY", "price": price, "vat": vat, "step_size": 1}
    document = {
        "country_code": "NL",
        "party_id": "GRL",
        "id": tariff_id,
        "currency": currency,
        "elements": [{"price_components": [component]}],
        "last_updated": time,
    }
    data = {"operator_id": operator_id, "effective_from": time, "tariff": document | fields}
    return event("tariff.published", tariff_id, time, data)


def started(session_id: str = "S-1", at: str = "2026-03-02T10:00:00Z", **fields: Any) -> dict[str, Any]:
    """The start of a session at register 0."""
    data = {
        "session_id": session_id,
        "operator_id": "OP-1",
        "location_id": "LOC-1",
        "evse_uid": "EVSE-1",
        "connector_id": "1",
        "started_at": at,
        "meter_start_wh": 0,
        "tariff_id": "T-1",
        "auth_method": "WHITELIST",
    }
    return event("charging.session.started", session_id, at, data | fields)


def metered(session_id: str, at: str, register_wh: int) -> dict[str, Any]:
    """A register reading."""
    data = {"session_id": session_id, "read_at": at, "register_wh": register_wh}
    return event("charging.session.metered", session_id, at, data)


def ended(session_id: str = "S-1", at: str = "2026-03-02T11:00:00Z", register_wh: int = 20_000) -> dict[str, Any]:
    """The end of a session; 20 kWh when a test does not say."""
    data = {"session_id": session_id, "ended_at": at, "meter_stop_wh": register_wh, "reason": "Local"}
    return event("charging.session.ended", session_id, at, data)


def corrected(session_id: str, at: str, stop_wh: int) -> dict[str, Any]:
    """A correction of the register at the end."""
    data = {"session_id": session_id, "corrected_at": at, "meter_stop_wh": stop_wh, "reason": "meter exchanged"}
    return event("charging.session.meter_corrected", session_id, at, data)


def money(amount: str, currency: str = "EUR") -> dict[str, str]:
    """Money as it is on the wire."""
    return {"amount": amount, "currency": currency}


def captured(
    session_id: str = "S-1",
    at: str = "2026-03-02T11:01:00Z",
    amount: str = "12.10",
    fee: str = "0.30",
    payment_id: str | None = None,
    currency: str = "EUR",
) -> dict[str, Any]:
    """A capture; 12.10 EUR is what 20 kWh cost by the default tariff."""
    data = {
        "payment_id": payment_id or f"P-{session_id}",
        "session_id": session_id,
        "amount": money(amount, currency),
        "fee": money(fee, currency),
        "captured_at": at,
        "provider": "acme-psp",
    }
    return event("payment.captured", session_id, at, data)


def session(session_id: str = "S-1", day: str = "2026-03-02", register_wh: int = 20_000) -> list[dict[str, Any]]:
    """A charged and paid session: start, two readings, end and capture, on one morning."""
    gross = f"{register_wh * 605 // 10_000 / 100:.2f}"
    return [
        started(session_id, f"{day}T10:00:00Z"),
        metered(session_id, f"{day}T10:20:00Z", register_wh // 3),
        metered(session_id, f"{day}T10:40:00Z", register_wh * 2 // 3),
        ended(session_id, f"{day}T11:00:00Z", register_wh),
        captured(session_id, f"{day}T11:01:00Z", amount=gross),
    ]


def partner(funding: str = "ADVANCE", time: str = EPOCH) -> dict[str, Any]:
    """The roaming partner DE-ABC."""
    data = {
        "country_code": "DE",
        "party_id": "ABC",
        "name": "ABC Mobility",
        "currency": "EUR",
        "fee": {"percent": "0", "per_session": "0.00"},
        "payment_terms_days": 30,
        "funding": funding,
    }
    return event("partner.registered", "DE-ABC", time, data)


TOKEN = {"country_code": "DE", "party_id": "ABC", "uid": "04A1", "type": "RFID", "contract_id": "DE-ABC-C1"}


def cdr_answer(session_id: str, at: str, *, accepted: bool, number: int = 1) -> dict[str, Any]:
    """The partner's answer to a CDR of a session."""
    cdr_id = str(uuid5(NAMESPACE_URL, f"wattledger:cdr:{session_id}:{number}"))
    type_ = f"roaming.cdr_{'accepted' if accepted else 'rejected'}"
    return event(type_, "DE-ABC", at, {"cdr_id": cdr_id, "partner": "DE-ABC", "at": at})


def idle(session_id: str, at: str, state: str = "IDLE") -> dict[str, Any]:
    """The vehicle asks for no energy any more."""
    return event(
        "charging.session.state_changed", session_id, at, {"session_id": session_id, "at": at, "state": state}
    )


def partner(country_code: str, party_id: str, funding: str, *, time: str = EPOCH) -> dict[str, Any]:
    """A roaming partner in EUR."""
    data = {
        "country_code": country_code,
        "party_id": party_id,
        "name": f"Partner {party_id}",
        "currency": "EUR",
        "fee": {"percent": "2", "per_session": "0.05"},
        "payment_terms_days": 30,
        "funding": funding,
    }
    return event("partner.registered", f"{country_code}-{party_id}", time, data)


def payment_failed(session_id: str, at: str) -> dict[str, Any]:
    """A payment failed for good."""
    data = {"payment_id": f"P-{session_id}", "session_id": session_id, "failed_at": at, "reason": "declined"}
    return event("payment.failed", session_id, at, data)


def refunded(refund_id: str, session_id: str, at: str, amount: dict[str, str], borne_by: str) -> dict[str, Any]:
    """Money went back to the driver."""
    data = {"refund_id": refund_id, "payment_id": f"P-{session_id}", "session_id": session_id, "amount": amount}
    return event("payment.refunded", session_id, at, data | {"refunded_at": at, "borne_by": borne_by}, refund_id)


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
