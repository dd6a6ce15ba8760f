"""Sessions rated anew by another tariff: what it would come to first, the order then, and all that were given."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from starlette.responses import Response

from api.access.roles import Right, may
from api.actions.bodies import Rating, RatingOrder
from api.pages.forms import Sent, checked_body, errors_of, form
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.table import Column, Table
from api.pages.view import Complaint, View, address
from api.problems import Problem
from api.v1.rerating_actions import order_rerating, previewed
from projections.documents.tariffs import rating_order_document
from projections.operators import operator, zone_name
from projections.rating_orders import given_orders
from projections.reading import Snapshot

_ASKED: Final = ("operator_id", "from", "to", "tariff_id", "sessions_of_tariff")
# As a body has it, by how the address has it: a day in the address is one of the reader's zone.
_FIELDS: Final = {
    "operator_id": "operator_id",
    "started_from": "from",
    "started_before": "to",
    "tariff_id": "tariff_id",
    "sessions_of_tariff": "sessions_of_tariff",
}
_SHOWN_MAX: Final = 50
_RATED: Final = {"billed": "As billed", "under": "By that tariff", "by_an_order": "After the order"}


@page("/rerating-orders", Right.BOOK, *_ASKED, "in")
async def rerating_orders(call: PageCall) -> Response:
    """The orders, and what one more would change once it is said which."""
    told = _told(call)
    preview = await _preview(call, told)
    operator_id = told.get("operator_id") or None

    def ask(snapshot: Snapshot) -> tuple[list[Mapping[str, Any]], str | None]:
        found = operator(snapshot.cursor, operator_id) if operator_id else None
        orders = given_orders(snapshot.cursor, operator_id if found else None)
        rows: list[Mapping[str, Any]] = [
            rating_order_document(each.operator_id, each.order, each.remark) for each in orders
        ]
        return rows[::-1], zone_name(found) if found else None

    def present(view: View, found: tuple[list[Mapping[str, Any]], str | None]) -> Response:
        totals = preview["totals"] if preview else None
        return render(
            "rerating_orders.html",
            view,
            told=told,
            preview=preview,
            facts=_facts(view, totals) if totals else [],
            sums=_sums(totals) if totals else None,
            sessions=_sessions(view, preview) if preview else None,
            orders=_orders(view, found[0]),
        )

    shown = await call.show(ask, present, lambda found: found[1])
    if call.complaint is not None and call.complaint.form == "preview":
        shown.status_code = call.complaint.status
    return shown


def _told(call: PageCall) -> dict[str, str]:
    """What is asked about, by the names of the body: by the address, or by the order that was sent in vain."""
    if call.complaint is not None:
        return {name: call.complaint.fields.get(name, "") for name in _FIELDS}
    return {name: call.query.get(field, "") for name, field in _FIELDS.items()}


async def _preview(call: PageCall, told: Mapping[str, str]) -> dict[str, Any] | None:
    """What it would come to; None until it is asked, and where it cannot be told, which is a complaint then."""
    is_asked = bool(told["started_from"] or told["started_before"])
    if not is_asked or not may(call.principal.duty, Right.RERATE_PREVIEW):
        return None
    try:
        return await previewed(call, checked_body(Rating, **{name: text or None for name, text in told.items()}))
    except Problem as problem:
        if problem.status not in (404, 422):
            raise
        if call.complaint is None:
            errors = {_FIELDS.get(name, name): said for name, said in errors_of(problem).items()}
            # What was written is in the address, and shown from there.
            call.complaint = Complaint("preview", problem.status, problem.detail, errors, {})
        return None


def _facts(view: View, totals: Mapping[str, Any]) -> list[tuple[str, Any]]:
    reader, currency = view.reader, totals["currency"]

    def counted(found: Mapping[str, int]) -> str | None:
        return ", ".join(f"{number} {reason.replace('_', ' ').lower()}" for reason, number in found.items()) or None

    return [
        ("Sessions", reader.number(totals["sessions"], "sessions")),
        ("Of them another price", reader.number(totals["sessions_changed"], "sessions_changed")),
        ("Drivers are paid back", reader.amount(totals["refunds_due"], currency, "refunds_due", True)),
        ("Drivers have paid too little", reader.amount(totals["shortfall"], currency, "shortfall", True)),
        ("Credit CDRs to be issued", reader.number(totals["credit_cdrs_to_issue"], "credit_cdrs")),
        ("CDRs to be issued", reader.number(totals["cdrs_to_issue"], "cdrs")),
        ("Would be refused", counted(totals["refused"])),
        ("Not rated at all", counted(totals["not_rated"])),
    ]


def _sums(totals: Mapping[str, Any]) -> Table:
    rows = [{"what": words, "currency": totals["currency"], **totals[name]} for name, words in _RATED.items()]
    columns = [
        Column("what", "What"),
        Column("net", "Net", "amount"),
        Column("gross", "Gross", "amount"),
        Column("share", "Operator’s share", "amount"),
        Column("commission", "Commission", "amount"),
        Column("commission_vat", "VAT on it", "amount"),
    ]
    return Table(columns, rows, f"All sessions that are meant, in {totals['currency']}")


def _sessions(view: View, preview: Mapping[str, Any]) -> Table:
    currency = preview["totals"]["currency"]
    changed = [each for each in preview["sessions"] if Decimal(each["difference"]) or each["refused"]]
    columns = [
        Column("session_id", "Session", "id", lambda row: view.link("/sessions", row["session_id"])),
        Column("gross", "As billed", "amount"),
        Column("gross_under", "By that tariff", "amount"),
        Column("difference", "Difference", "amount"),
        Column("refund_due", "Paid back", "amount"),
        Column("refused", "Refused"),
    ]
    rows = [{**each, "currency": currency} for each in changed[:_SHOWN_MAX]]
    caption = f"{len(rows)} of {view.reader.number_text(len(changed))} sessions whose price is another, in {currency}"
    return Table(columns, rows, caption, kind="session", key="session_id", empty="No price is another.")


def _orders(view: View, rows: Sequence[Mapping[str, Any]]) -> Table:
    columns = [
        Column("ordered_at", "Ordered", "time"),
        Column("operator_id", "Operator", href=lambda row: view.link("/operators", row["operator_id"])),
        Column("tariff_id", "Tariff", href=lambda row: view.link("/tariffs", row["operator_id"], row["tariff_id"])),
        Column("started_from", "Sessions from", "time"),
        Column("started_before", "Before", "time"),
        Column("reason", "Why"),
        Column("remark", "Remark"),
        Column("order_id", "Order", "short"),
    ]
    files = {"CSV": "csv", "Excel": "xlsx", "JSON": None}
    exports = {label: address("/v1/rerating-orders", {"format": form_}) for label, form_ in files.items()}
    return Table(
        columns,
        rows[:_SHOWN_MAX],
        "Orders by operator, the last first",
        kind="order",
        key="order_id",
        empty="None was given yet.",
        exports=exports,
    )


@form("/rerating-orders/order", Right.RERATE, rerating_orders, "order")
async def order(call: PageCall, sent: Sent) -> Response:
    """What was previewed, and why."""
    body = sent.body(RatingOrder, reason=sent.text("reason"), **{name: sent.text(name) for name in _FIELDS})
    return await order_rerating(body, call, sent.asked)


ROUTES = (rerating_orders, order)
