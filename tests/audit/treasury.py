"""The treasury of the network: a hub whose invoice is paid, and money in SEK that is converted and exchanged."""

from collections.abc import Iterator
from datetime import timedelta

from tests.audit.network import BEGINNING, Event, _event, _iso, _money


def told_of_the_treasury() -> Iterator[Event]:
    """A conversion of what OP-A has in SEK, its deal, an invoice of a hub, and what was paid of it."""
    at = BEGINNING + timedelta(days=2, hours=10)
    told = {"operator_id": "OP-A", "reference": "C-SEK", "reason": "paid by transfer", "by": "m.ortega"}
    collected = told | {"amount": _money("200.00", "SEK"), "at": _iso(at)}
    yield _event("operator.balance_collected", "C-SEK", at, collected)
    rate = {"base": "SEK", "quote": "EUR", "rate": "0.0871", "at": _iso(at), "provider": "ECB"}
    yield _event("fx.rate_published", "SEK-EUR", at, rate)
    at += timedelta(hours=1)
    says = {"conversion_id": "FX-1", "operator_id": "OP-A", "sold": _money("200.00", "SEK"), "to_currency": "EUR"}
    yield _event("fx.converted", "FX-1", at, says | {"rate": "0.0871", "spread_percent": "0.5", "at": _iso(at)})
    at += timedelta(hours=20)
    says = {"deal_id": "D-1", "sold": _money("200.00", "SEK"), "bought": _money("17.40", "EUR")}
    yield _event("fx.executed", "D-1", at, says | {"executed_at": _iso(at)})
    at += timedelta(hours=1)
    days = {"from": BEGINNING.date().isoformat(), "to": at.date().isoformat(), "at": _iso(at)}
    bill = {"hub_id": "HUB-1", "invoice_id": "H-1", "net": _money("0.20", "EUR"), "vat": _money("0.04", "EUR")}
    yield _event("hub.invoiced", "HUB-1", at, bill | days)
    paid = {"account": "2210/HUB-1", "invoice_id": "H-1", "amount": _money("0.24", "EUR"), "paid_at": _iso(at)}
    yield _event("supplier.paid", "2210/HUB-1", at, paid)
