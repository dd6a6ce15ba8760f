"""The network of the audit with terms of taxes: who sells in whose name, at home, abroad, and by which ids."""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from random import Random
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from tests.audit.network import BEGINNING, Event, _component, _event, _iso, _money, _operator, _tariff

# Two that are right, one whose check digits are wrong, and none.
_IDS = {"DE": ("DE136695976", "DE136695977", None), "NL": ("NL004495445B01", "NL004495446B01", None)}
_PARTNERS: tuple[dict[str, Any] | None, ...] = (
    {"country": "DE", "vat_id": "DE136695976"},
    {"country": "NL", "vat_id": "NL004495445B01"},
    {"country": "FR", "vat_id": "FR40303265045"},
    {"country": "FR", "vat_id": "FR40303265046"},
    {"country": "AT"},
    None,
)


def with_taxes(random: Random, events: Iterable[Event]) -> Iterator[Event]:
    """The same history, but that operators' terms tell models and taxes, anew in each version, as partners do."""
    for event in events:
        if event["type"] in ("operator.registered", "operator.changed"):
            yield event | {"data": event["data"] | terms(random)}
        elif event["type"] == "partner.registered":
            yield event | {"data": event["data"] | {"tax": random.choice(_PARTNERS)}}
        else:
            yield event


def terms(random: Random) -> dict[str, Any]:
    """Terms of one version; some tell nothing."""
    country = random.choice(list(_IDS))
    tax: dict[str, Any] = {"country": country, "vat_id": random.choice(_IDS[country])}
    treatments = ("DOMESTIC", "REVERSE_CHARGE", "NONE")
    if random.random() < 0.8:
        percent = random.choice(("19", "5.5", "0"))
        tax["purchase"] = {"treatment": random.choice(treatments), "percent": percent, "jurisdiction": "DE"}
    if random.random() < 0.5:
        tax["commission"] = {"treatment": random.choice(treatments), "jurisdiction": random.choice(("DE", None))}
    return {
        "model": random.choice(("PRINCIPAL", "PRINCIPAL", "AGENT", None)),
        "tax": tax if random.random() < 0.9 else None,
        "dispute_fee_bearer": random.choice(("OPERATOR", "PLATFORM", None)),
        "payment_failure_bearer": random.choice(("PLATFORM", "OPERATOR", None)),
    }


def told_of_sales() -> Iterator[Event]:
    """Sessions that the platform sells to drivers and to a partner, bought at home and abroad; a dispute is lost."""
    for operator_id, iban, country, treatment in (
        ("OP-SOLD", "ES9121000418450200051332", "DE", "DOMESTIC"),
        ("OP-FAR", "IE29AIBK93115212345678", "NL", "REVERSE_CHARGE"),
    ):
        tax: dict[str, Any] = {"country": country, "vat_id": _IDS[country][0]}
        tax["purchase"] = {"treatment": treatment, "percent": "19", "jurisdiction": "DE"}
        data = _operator("OP-A", iban, model="PRINCIPAL", tax=tax, dispute_fee_bearer="OPERATOR")
        yield _event("operator.registered", operator_id, BEGINNING, data | {"operator_id": operator_id})
        elements = [{"price_components": [_component("ENERGY", 0.5, vat=19.0)]}]
        tariff = _tariff("OP-A", "T-SOLD", elements) | {"operator_id": operator_id}
        yield _event("tariff.published", f"T-{operator_id}", BEGINNING, tariff)
    yield from _sold("SOLD-1", "OP-SOLD")
    yield from _sold("SOLD-2", "OP-FAR")
    yield from _sold("SOLD-3", "OP-SOLD", party_id="XYZ")
    at = BEGINNING + timedelta(days=1, hours=3)
    cdr_id = str(uuid5(NAMESPACE_URL, "wattledger:cdr:SOLD-3:1"))
    yield _event("roaming.cdr_accepted", cdr_id, at, {"cdr_id": cdr_id, "partner": "DE-XYZ", "at": _iso(at)})
    named = {"payment_id": "P-SOLD", "session_id": "SOLD-1"}
    money = {"amount": _money("11.90", "EUR"), "fee": _money("0.20", "EUR"), "captured_at": _iso(at)}
    yield _event("payment.captured", "P-SOLD", at, named | money | {"provider": "acme-psp"})
    at += timedelta(hours=1)
    refund = {"refund_id": "R-SOLD", "amount": _money("1.19", "EUR"), "refunded_at": _iso(at)}
    yield _event("payment.refunded", "R-SOLD", at, named | refund | {"borne_by": "SHARED"})
    at += timedelta(hours=1)
    dispute = named | {"dispute_id": "D-SOLD"}
    opened = {"amount": _money("10.71", "EUR"), "fee": _money("15", "EUR"), "opened_at": _iso(at)}
    yield _event("payment.disputed", "D-SOLD", at, dispute | opened)
    at += timedelta(days=1)
    yield _event("payment.dispute_closed", "D-SOLD", at, dispute | {"outcome": "LOST", "closed_at": _iso(at)})


def _sold(session_id: str, operator_id: str, party_id: str | None = None) -> Iterator[Event]:
    """A session of 20 kWh: net 10.00, VAT 1.90."""
    began = BEGINNING + timedelta(days=1, hours=1)
    start: dict[str, Any] = {"session_id": session_id, "operator_id": operator_id, "location_id": "LOC-SOLD"}
    start |= {"evse_uid": f"EVSE-{session_id}", "connector_id": "1", "started_at": _iso(began), "meter_start_wh": 0}
    start |= {"tariff_id": "T-SOLD", "auth_method": "WHITELIST"}
    if party_id is not None:
        token = {"country_code": "DE", "party_id": party_id, "uid": "U", "type": "RFID", "contract_id": "C"}
        start["token"] = token
    yield _event("charging.session.started", session_id, began, start)
    ended = began + timedelta(hours=1)
    stop = {"session_id": session_id, "ended_at": _iso(ended), "meter_stop_wh": 20_000, "reason": "Local"}
    yield _event("charging.session.ended", session_id, ended, stop)
