"""What partners of the network are told and say of CDRs: an invoice, a dispute won, one lost, and CDRs they send."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from tests.audit.network import BEGINNING, Event, _component, _event, _iso, _money, _operator, _tariff
from tests.support.aftermath import cdr_id

PARTNER = "DE-ABC"
_TOKEN = {"country_code": "DE", "party_id": "ABC", "uid": "04A1", "type": "RFID", "contract_id": "DE-ABC-C1"}


def told_of_partners() -> Iterator[Event]:
    """Two sessions of one partner, invoiced and disputed; a driver of ours abroad, and one at a home."""
    data = _operator("OP-A", "FR7630006000011234567890189") | {"operator_id": "OP-ROAM"}
    yield _event("operator.registered", "OP-ROAM", BEGINNING, data)
    tariff = _tariff("OP-A", "T-ROAM", [{"price_components": [_component("ENERGY", 0.5)]}])
    yield _event("tariff.published", "T-ROAM", BEGINNING, tariff | {"operator_id": "OP-ROAM"})
    ended = BEGINNING + timedelta(hours=5)
    for number in (1, 2):
        yield from _session(f"ROAM-{number}", ended - timedelta(hours=1), ended)
    at = ended + timedelta(days=1)
    bill: Event = {"invoice_id": "I-ROAM", "partner": PARTNER, "cdr_ids": [cdr_id("ROAM-1"), cdr_id("ROAM-2")]}
    bill |= {"amount": _money("24.20", "EUR"), "issued_at": _iso(at), "due_on": "2026-05-01"}
    yield _event("roaming.invoice_issued", "I-ROAM", at, bill)
    for number, outcome in ((1, "WON"), (2, "LOST")):
        told = {"dispute_id": f"D-ROAM-{number}", "cdr_id": cdr_id(f"ROAM-{number}"), "partner": PARTNER}
        opened, closed = at + timedelta(hours=2), at + timedelta(hours=number + 4)
        says = told | {"amount": _money("5.00", "EUR"), "reason": "unknown driver", "at": _iso(opened)}
        yield _event("roaming.cdr_disputed", told["dispute_id"], opened, says)
        yield _event(
            "roaming.dispute_closed", told["dispute_id"], closed, told | {"outcome": outcome, "at": _iso(closed)}
        )
    came: Event = {"partner": "FR-CPO", "net": _money("10.00", "EUR"), "vat": _money("2.00", "EUR"), "at": _iso(at)}
    came |= {"jurisdiction": "FR", "vat_percent": "20"}
    yield _event("roaming.cdr_received", "R-1", at, came | {"cdr_id": "R-1"})
    yield _event("roaming.cdr_received", "R-2", at, came | {"cdr_id": "R-2", "payee_id": "OP-ROAM"})


def _session(session_id: str, began: datetime, ended: datetime) -> Iterator[Event]:
    start = {
        "session_id": session_id,
        "operator_id": "OP-ROAM",
        "location_id": "LOC-ROAM",
        "evse_uid": f"EVSE-{session_id}",
        "connector_id": "1",
        "started_at": _iso(began),
        "meter_start_wh": 0,
        "tariff_id": "T-ROAM",
        "auth_method": "WHITELIST",
        "token": _TOKEN,
    }
    yield _event("charging.session.started", session_id, began, start)
    stop = {"session_id": session_id, "ended_at": _iso(ended), "meter_stop_wh": 20_000, "reason": "Local"}
    yield _event("charging.session.ended", session_id, ended, stop)
    accepted = ended + timedelta(hours=1)
    answer = {"cdr_id": cdr_id(session_id), "partner": PARTNER, "at": _iso(accepted)}
    yield _event("roaming.cdr_accepted", session_id, accepted, answer)
