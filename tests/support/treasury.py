"""Builders of what the treasury tells: rates, conversions and deals, suppliers that were paid, invoices of hubs."""

from typing import Any

from tests.support.events import event, money

Event = dict[str, Any]


def rate(
    value: str = "0.0871", at: str = "2026-03-02T14:15:00Z", base: str = "SEK", quote: str = "EUR", id_: str = ""
) -> Event:
    """A rate of exchange was published."""
    data = {"base": base, "quote": quote, "rate": value, "at": at, "provider": "ECB"}
    return event("fx.rate_published", f"{base}-{quote}", at, data, id_ or f"rate:{base}:{quote}:{at}:{value}")


def converted(
    conversion_id: str = "FX-1",
    sold: str = "200.00",
    value: str = "0.0871",
    at: str = "2026-03-02T15:00:00Z",
    *,
    spread: str = "0.5",
    operator_id: str = "OP-1",
    currency: str = "SEK",
    to: str = "EUR",
) -> Event:
    """Money of an operator was converted."""
    data = {
        "conversion_id": conversion_id,
        "operator_id": operator_id,
        "sold": money(sold, currency),
        "to_currency": to,
        "rate": value,
        "spread_percent": spread,
        "at": at,
    }
    return event("fx.converted", conversion_id, at, data, f"fx:{conversion_id}:{at}:{sold}:{value}")


def executed(
    deal_id: str = "D-1", sold: str = "200.00", bought: str = "17.40", at: str = "2026-03-03T09:30:00Z"
) -> Event:
    """A bank exchanged SEK for EUR."""
    data = {"deal_id": deal_id, "sold": money(sold, "SEK"), "bought": money(bought), "executed_at": at}
    return event("fx.executed", deal_id, at, data, f"deal:{deal_id}:{at}:{bought}")


def supplier_paid(
    account: str = "2220/FR-CPO", invoice_id: str = "F-1", amount: str = "12.00", at: str = "2026-04-02T08:00:00Z"
) -> Event:
    """An invoice of a supplier was paid."""
    data = {"account": account, "invoice_id": invoice_id, "amount": money(amount), "paid_at": at}
    return event("supplier.paid", account, at, data, f"paid:{account}:{invoice_id}:{at}:{amount}")


def hub_invoiced(
    invoice_id: str = "H-1",
    net: str = "0.21",
    vat: str = "0.04",
    days: tuple[str, str] = ("2026-03-01", "2026-03-31"),
    at: str = "2026-04-01T07:00:00Z",
    hub_id: str = "HUB-1",
) -> Event:
    """A hub invoiced some days."""
    data = {"hub_id": hub_id, "invoice_id": invoice_id, "net": money(net), "vat": money(vat), "at": at}
    data |= {"from": days[0], "to": days[1]}
    return event("hub.invoiced", hub_id, at, data, f"hub:{invoice_id}:{at}:{net}")
