"""Payouts: all of them by their run, the latest first."""

from collections.abc import Mapping, Sequence
from datetime import date

from starlette.responses import Response

from api.access.roles import Right
from api.pages.page import PageCall, page
from api.pages.payout_tables import WITHOUT_FILE, operator_href
from api.pages.rendering import render
from api.pages.table import Column, Row, Table
from api.pages.view import Filter, View
from api.problems import bad_parameter
from domain.calendar import instant, utc_text
from projections.documents.payouts import shown_payout_document
from projections.operators import names_of_operators
from projections.payout_list import PayoutFilter, ShownPayout, list_payouts
from projections.reading import Snapshot

STATUSES = ("AWAITING_APPROVAL", "REJECTED", "IN_TRANSIT", "PAID", "FAILED", "RETURNED")
FILTERS = (
    Filter("operator_id", "Operator"),
    Filter("currency", "Currency"),
    Filter("status", "Status", STATUSES),
    Filter("business_date", "Business date"),
)


@page("/payouts", Right.PAYOUTS, *(each.name for each in FILTERS), "attempt", listed="/v1/payouts")
async def payouts(call: PageCall) -> Response:
    """Payouts by their run, the latest first."""
    wanted, part = _wanted(call.query), call.page
    keys = part.keys(str, str)
    after = (instant(keys[0]), keys[1]) if keys else None

    def ask(snapshot: Snapshot) -> tuple[list[ShownPayout], Mapping[str, str]]:
        found = list_payouts(snapshot.cursor, wanted, part.limit + 1, after)
        return found, names_of_operators(snapshot.cursor, sorted({each.operator_id for each in found}))

    def present(view: View, found: tuple[list[ShownPayout], Mapping[str, str]]) -> Response:
        rows, names = found
        shown = rows[: part.limit]
        last = shown[-1] if rows[part.limit :] else None
        cursor = part.cursor(utc_text(last.fired_at), last.payout_id) if last else None
        table = payout_table(view, shown, names, cursor)
        return render("payouts.html", view, filters=FILTERS, table=table, day_href=_day_href(view, wanted))

    return await call.show(ask, present)


def _day_href(view: View, wanted: PayoutFilter) -> str | None:
    """The page of a business date, where the list is of one of one operator."""
    if wanted.operator_id is None or wanted.business_date is None or not view.may(Right.MONEY):
        return None
    path = ("/operators", wanted.operator_id, "payout-day")
    return view.link(*path, date=wanted.business_date, currency=wanted.currency)


def _wanted(query: Mapping[str, str]) -> PayoutFilter:
    status, day, attempt = (query.get(name) for name in ("status", "business_date", "attempt"))
    if status and status not in STATUSES:
        raise bad_parameter("status", f"is one of {', '.join(STATUSES)}")
    try:
        business_date = date.fromisoformat(day) if day else None
    except ValueError:
        raise bad_parameter("business_date", "is no day: write it as 2026-03-25") from None
    if attempt and not (attempt.isdecimal() and 1 <= int(attempt) <= 1_000):
        raise bad_parameter("attempt", "is a number from 1 to 1000")
    operator_id, currency = query.get("operator_id") or None, query.get("currency") or None
    return PayoutFilter(operator_id, currency, status or None, business_date, int(attempt) if attempt else None)


def payout_table(
    view: View, found: Sequence[ShownPayout], names: Mapping[str, str], cursor: str | None = None
) -> Table:
    """Payouts as rows; each opens its page, or its bank file to who may see no more of it."""
    opens = view.may(Right.MONEY)

    def href(row: Row) -> str | None:
        if opens:
            return view.link("/payouts", row["payout_id"])
        is_sent = row["status"] not in WITHOUT_FILE
        return f"/v1/payouts/{row['payout_id']}/bank-file" if is_sent else None

    rows = [
        shown_payout_document(each) | {"operator": names.get(each.operator_id, each.operator_id)} for each in found
    ]
    columns = [
        Column("business_date", "Business date", "date", href),
        Column("operator", "Operator", href=lambda row: operator_href(view, row["operator_id"]) if opens else None),
        Column("amount", "Amount", "money", href),
        Column("status", "Status", "badge"),
        Column("reason", "Reason"),
        Column("attempt", "Attempt", "number"),
        Column("entry_count", "Entries", "number"),
        Column("fired_at", "Run", "time"),
        Column("payout_id", "Payout", "short", href),
    ]
    return Table(
        columns,
        rows,
        "The latest run first" if rows else "Payouts",
        kind="payout",
        key="payout_id",
        empty="There is no such payout.",
        exports=view.exports("/v1/payouts"),
        pages=view.pages(cursor),
    )


ROUTES = (payouts,)
