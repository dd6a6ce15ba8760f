"""What is between the network's operators and the platform: each kind of it, and of each what counts for nothing."""

from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

from tests.audit.network import BEGINNING, Event, _event, _iso, _money

MAKER, CHECKER = "m.ortega", "j.lind"
# Accounts that somebody writes off, and how much of each.
WRITTEN_OFF = {
    "2010/OP-A": "0.40",
    "1210/DE-ABC": "0.30",
    "1110/psp-a": "-0.20",
    "1105/S-nobody": "0.10",
    "2080/P-nobody": "0.15",
}


def matters(random: Random) -> list[Event]:
    """Of each operator in EUR two adjustments, a hold, money moved for its balance and an invoice; and write-offs."""
    found = [*_write_offs()]
    for number, operator_id in enumerate(("OP-A", "OP-B", "OP-D"), 1):
        found += [*_adjustments(number, operator_id), *_hold(number, operator_id)]
        found += [*_balances(operator_id), _invoice(number, operator_id)]
    random.shuffle(found)
    return found


def _decided(kind: str, day: int, hour: int, by: str, **data: Any) -> Event:
    at = BEGINNING + timedelta(days=day, hours=hour)
    time = "proposed_at" if kind == "adjustment.proposed" else "at"
    subject = next(
        str(data[name]) for name in ("adjustment_id", "write_off_id", "hold_id", "reference") if name in data
    )
    return _event(kind, f"{subject}:{day}:{hour}:{by}", at, {**data, time: _iso(at), "by": by})


def _adjustments(number: int, operator_id: str) -> list[Event]:
    found = []
    for direction, amount in (("CREDIT", "1.20"), ("DEBIT", "0.35")):
        id_ = f"A-{number}-{direction}"
        told = {"operator_id": operator_id, "amount": _money(amount, "EUR"), "direction": direction}
        reason = {"reason_code": "GOODWILL", "note": "", "adjustment_id": id_}
        found += [
            _decided("adjustment.proposed", 2 + number, 9, MAKER, **told, **reason),
            _decided("adjustment.approved", 2 + number, 10, MAKER, adjustment_id=id_),
            _decided("adjustment.approved", 2 + number, 11, CHECKER, adjustment_id=id_),
            _decided("adjustment.rejected", 2 + number, 12, CHECKER, adjustment_id=id_),
        ]
    return found


def _write_offs() -> list[Event]:
    found = []
    for number, (account, amount) in enumerate(WRITTEN_OFF.items(), 1):
        told = {"account": account, "amount": _money(amount, "EUR"), "reason_code": "SMALL", "note": ""}
        id_ = f"W-{number}"
        found.append(_decided("write_off.proposed", 4, number, MAKER, write_off_id=id_, **told))
        found.append(_decided("write_off.approved", 5, number, CHECKER, write_off_id=id_))
    return found


def _hold(number: int, operator_id: str) -> list[Event]:
    told = {"hold_id": f"H-{number}", "operator_id": operator_id, "reason": "disputes"}
    until = _iso(BEGINNING + timedelta(days=7 + number))
    return [
        _decided("reserve.held", 3, 9, MAKER, **told, amount=_money("2.00", "EUR"), until=until),
        _decided("reserve.released", 4, 9, MAKER, **told, amount=_money("0.75", "EUR")),
        _decided("reserve.released", 5, 9, MAKER, **told, amount=_money("9.00", "EUR")),
    ]


def _balances(operator_id: str) -> list[Event]:
    told = {"operator_id": operator_id, "reason": "below zero", "amount": _money(Decimal("0.60"), "EUR")}
    return [
        _decided("operator.balance_funded", 4, 14, MAKER, **told, reference=f"F-{operator_id}"),
        _decided("operator.balance_collected", 6, 14, MAKER, **told, reference=f"C-{operator_id}"),
    ]


def _invoice(number: int, operator_id: str) -> Event:
    at = BEGINNING + timedelta(days=1, hours=6)
    data = {"invoice_id": f"SI-{number}", "operator_id": operator_id, "invoiced_at": _iso(at), "netting": number != 2}
    data |= {"net": _money("3.10", "EUR"), "vat": _money("0.65", "EUR")}
    return _event(
        "saas.invoiced", f"SI-{number}", at, data | {"period_from": "2026-01-20", "period_to": "2026-03-31"}
    )
