"""What people decide of the network's book: a month that is closed, a VAT return of it, a sweep of own money."""

from datetime import timedelta
from typing import Any

import psycopg

from engine.closing import free_to_sweep
from projections.periods import period_status
from tests.audit.network import BEGINNING, DAYS, Event, _event, _iso, _money, settle

AT = BEGINNING + timedelta(days=DAYS, hours=20)
MAKER, CHECKER = "m.ortega", "j.lind"
MONTH = "2026-02"


def settle_closings(dsn: str) -> None:
    """An invoice of the month before, which is closed then; what comes late of it; a return, and a sweep."""
    invoiced = BEGINNING - timedelta(days=10)
    settle(dsn, [_invoice("SI-OLD", invoiced)], stages=1, partition=30, days=DAYS + 1)
    with psycopg.connect(dsn) as connection:
        hash_ = period_status(connection.cursor(), MONTH, "UTC").statement_hash
        free = {each: free_to_sweep(connection.cursor(), each, AT) for each in ("EUR", "SEK", "GBP", "JPY")}
    currency = next(each for each, amount in free.items() if amount > 100)
    closes = [_said("period.closed", MONTH, by, _close(hash_), hour) for hour, by in enumerate((MAKER, CHECKER))]
    settle(dsn, closes, stages=1, partition=31, days=DAYS + 1)
    months = {"jurisdiction": "NL", "from": f"{MONTH}-01", "to": f"{MONTH}-28"}
    vat = {"output": _money("21.00", "EUR"), "input": _money("0.00", "EUR")}
    swept = {"sweep_id": "SW-1", "currency": currency, "amount": "1"}
    events = [
        _invoice("SI-LATE", invoiced),
        _said("sweep.proposed", "SW-1", MAKER, swept, 1),
        _said("sweep.approved", "SW-1", CHECKER, swept, 2),
        _said("sweep.executed", "SW-1", MAKER, swept, 3),
        _said("vat.filed", "VAT-1", MAKER, {"return_id": "VAT-1"} | months | vat, 2, "filed_at"),
        _said("vat.paid", "VAT-1", MAKER, {"return_id": "VAT-1", "amount": _money("21.00", "EUR")}, 3, "paid_at"),
    ]
    settle(dsn, events[::-1], stages=1, partition=32, days=DAYS + 1)


def _close(hash_: str) -> dict[str, Any]:
    return {"period": MONTH, "statement_hash": hash_, "reason": "seen"}


def _said(type_: str, subject: str, by: str, data: dict[str, Any], hour: int, at: str = "at") -> Event:
    moment = AT + timedelta(hours=hour)
    return _event(type_, f"{subject}:{by}", moment, data | {at: _iso(moment), "by": by})


def _invoice(invoice_id: str, at: Any) -> Event:
    data = {
        "invoice_id": invoice_id,
        "operator_id": "OP-A",
        "net": _money("100.00", "EUR"),
        "vat": _money("21.00", "EUR"),
        "period_from": "2026-01-01",
        "period_to": "2026-01-31",
        "invoiced_at": _iso(at),
        "netting": False,
    }
    return _event("saas.invoiced", invoice_id, at, data)
