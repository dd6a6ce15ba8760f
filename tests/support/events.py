"""Builders of CloudEvents for tests: every event as a dict, with sensible defaults for what a test does not say."""

from collections.abc import Iterable
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import orjson

from tests.support.decisions import signed

SOURCE = "urn:test"
EPOCH = "2026-03-01T00:00:00Z"


def event(type_: str, subject: str, time: str, data: dict[str, Any], id_: str | None = None) -> dict[str, Any]:
    """A structured CloudEvent; its id is made of type, subject and time when a test does not name one.

    What people decide is signed by the key of the tests.
    """
    made = {
        "specversion": "1.0",
        "id": id_ or f"{type_}:{subject}:{time}",
        "source": SOURCE,
        "type": type_,
        "subject": subject,
        "time": time,
        "data": data,
    }
    return signed(made)


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
    """The start of a session at register 0, at a plug of its own: S-1 is at EVSE-1."""
    data = {
        "session_id": session_id,
        "operator_id": "OP-1",
        "location_id": "LOC-1",
        "evse_uid": f"EVSE-{session_id.removeprefix('S-')}",
        "connector_id": "1",
        "started_at": at,
        "meter_start_wh": 0,
        "tariff_id": "T-1",
        "auth_method": "WHITELIST",
    }
    return event("charging.session.started", session_id, at, data | fields)


def metered(session_id: str, at: str, register_wh: int | str) -> dict[str, Any]:
    """A register reading."""
    data = {"session_id": session_id, "read_at": at, "register_wh": register_wh}
    return event("charging.session.metered", session_id, at, data)


def ended(
    session_id: str = "S-1", at: str = "2026-03-02T11:00:00Z", register_wh: int | str = 20_000
) -> dict[str, Any]:
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
