"""What an order to rate anew would change, as documents; amounts are decimal texts in the order's currency."""

from dataclasses import fields
from typing import Any

from domain.money import format_minor
from engine.what_if import Amounts, Order, SessionIf, Totals

_OF_ORDER = ("operator_id", "ordered_at", "started_from", "started_before", "sessions_of_tariff")


def order_currency(order: Order) -> str:
    """That of its tariff."""
    return str(order.data["tariff"]["currency"])


def order_document(order: Order) -> dict[str, Any]:
    """Which sessions an order means, and the tariff and taxes that it rates them by."""
    document = {name: order.data.get(name) for name in _OF_ORDER}
    taxes = [{name: each[name] for name in ("name", "percent")} for each in order.data.get("taxes") or ()]
    return document | {"tariff_id": order.data["tariff"]["id"], "currency": order_currency(order), "taxes": taxes}


def session_if_document(each: SessionIf, currency: str) -> dict[str, Any]:
    """What a session was billed and what it would have been; nulls where it would be refused."""
    billed, under = each.billed, each.under
    if billed is None:
        raise ValueError(f"session {each.session_id} is not rated")
    money: dict[str, int | None] = {"gross": billed.gross, "share": billed.share}
    money |= {"gross_under": under.gross if under else None, "share_under": under.share if under else None}
    money["difference"] = (under.gross if under else 0) - billed.gross
    money |= {"shortfall": each.shortfall, "refund_due": each.refund_due}
    texts = {name: None if amount is None else format_minor(amount, currency) for name, amount in money.items()}
    return {"session_id": each.session_id, "energy_wh": each.energy_wh} | texts | {"refused": each.reason or None}


def totals_document(totals: Totals, currency: str) -> dict[str, Any]:
    """Sums over all sessions that an order concerns; `refused` and `not_rated` count them by reason."""
    return {
        "currency": currency,
        "sessions": totals.sessions,
        "sessions_changed": totals.changed,
        "billed": amounts_document(totals.billed, currency),
        "under": amounts_document(totals.under, currency),
        "by_an_order": amounts_document(totals.standing, currency),
        "shortfall": format_minor(totals.short - totals.short_before, currency),
        "refunds_due": format_minor(totals.due - totals.due_before, currency),
        "cdrs": totals.sessions,
        "cdrs_under": totals.sessions - totals.refused.total(),
        "credit_cdrs_to_issue": totals.credits,
        "cdrs_to_issue": totals.cdrs,
        "refused": dict(sorted(totals.refused.items())),
        "not_rated": dict(sorted(totals.left_out.items())),
    }


def amounts_document(amounts: Amounts, currency: str) -> dict[str, str]:
    """Net, gross, the operator's share, the commission and its VAT."""
    return {each.name: format_minor(getattr(amounts, each.name), currency) for each in fields(amounts)}


def given_order_document(order: Order, before: Totals, after: Totals, next_steps: str) -> dict[str, Any]:
    """What an order has changed: `before` is what if, asked before it was given, `after` how sessions stand since."""
    currency = order_currency(order)
    return {
        "order": {"order_id": order.data["order_id"], "reason": order.data["reason"]} | order_document(order),
        "sessions_re_rated": before.changed,
        "before": amounts_document(before.billed, currency),
        "after": amounts_document(after.standing, currency),
        "refunds_due": format_minor(after.due - before.due_before, currency),
        "shortfall": format_minor(after.short - before.short_before, currency),
        "credit_cdrs_to_issue": before.credits,
        "cdrs_to_issue": before.cdrs,
        "refused": dict(sorted(before.refused.items())),
        "next": next_steps,
    }
