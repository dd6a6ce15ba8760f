"""How long operators' cash lasts: a line an operator, and of one the curve with its lower end, day by day."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

from starlette.responses import Response

from api.access.roles import Right
from api.pages import charts
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.table import Column, Table
from api.pages.view import Filter, View
from api.problems import not_found
from projections.documents.network_runway import runway_document
from projections.network.runways import OperatorRunway, runway_of, runways
from projections.reading import Snapshot

_FILTERS: Final = (Filter("operator_id", "Operator"),)


@page("/runway", Right.MONEY, "operator_id", listed="/v1/runway")
async def runway(call: PageCall) -> Response:
    """The operators with their runways, and the curve of the one that is named or alone."""
    part, operator_id = call.page, call.query.get("operator_id") or None
    keys: Any = part.keys(str)

    def ask(snapshot: Snapshot) -> Sequence[OperatorRunway]:
        if operator_id is None:
            return [*runways(snapshot.cursor, part.limit + 1, keys[0] if keys else None)]
        found = runway_of(snapshot.cursor, operator_id)
        if found is None:
            raise not_found("operator", operator_id)
        return [found]

    def present(view: View, found: Sequence[OperatorRunway]) -> Response:
        documents = [runway_document(each) for each in found[: part.limit]]
        following = part.cursor(found[part.limit - 1].operator_id) if found[part.limit :] else None
        one = documents[0] if len(documents) == 1 and keys is None else None
        return render(
            "runway.html",
            view,
            filters=_FILTERS,
            table=_table(view, documents, following),
            one=one,
            chart=_chart(view, one) if one else None,
            words=_words(one) if one else None,
        )

    return await call.show(ask, present)


def _table(view: View, documents: Sequence[Mapping[str, Any]], following: str | None) -> Table:
    columns = [
        Column("operator_id", "Operator", "id", lambda row: view.here(operator_id=row["operator_id"], cursor=None)),
        Column("declared_at", "Declared", "time"),
        Column("cash", "Cash declared", "money"),
        Column("runway_days", "Lasts", "number", unit="days"),
        Column("runway_days_low", "At the lower end", "number", unit="days"),
    ]
    return Table(
        columns,
        documents,
        "Days to the first on which less than nothing is left, within 180",
        kind="operator",
        key="operator_id",
        empty="No operator is registered.",
        exports=view.exports("/v1/runway"),
        pages=view.pages(following),
    )


def _chart(view: View, one: Mapping[str, Any]) -> dict[str, Any]:
    days, currency = one["days"], one["currency"]
    labels = [view.reader.day_text(date.fromisoformat(day["date"])) for day in days]
    values = [Decimal(day["left"]) for day in days]
    lows = [None if day["low"] is None else Decimal(day["low"]) for day in days]
    caption = f"{currency} left at the end of each day; the room below is down to the lower end of the forecast"
    words = f"A line over {len(days)} days of what is left, in {currency}, with zero"
    moved = [day for number, day in enumerate(days) if not number or _moves(day)]
    columns = [
        Column("date", "Day", "date"),
        Column("inflow", "Arrives", "amount"),
        Column("cost", "Falls due", "amount"),
        Column("left", "Left", "amount"),
        Column("low", "Left, lower end", "amount"),
    ]
    rows = [{**day, "currency": currency} for day in moved]
    table = Table(columns, rows, f"Days on which something arrives or falls due, {currency}", kind="day", key="date")
    series = [charts.Series("left", "course", values)]
    drawing = charts.outlook(f"{currency} left day by day", words, labels, values, lows, view.reader)
    return {"drawing": drawing, "caption": caption, "series": series, "table": table}


def _moves(day: Mapping[str, Any]) -> bool:
    return bool(Decimal(day["inflow"]) or Decimal(day["cost"]))


def _words(one: Mapping[str, Any]) -> list[str]:
    """What has to be said of a curve, sentence by sentence."""
    found = []
    if one["declared_at"] is None:
        found.append("Nothing was declared: the curve begins at zero, and nothing is said of how long cash lasts.")
    elif one["runway_days"] is None:
        found.append("There is no day within 180 on which less than nothing is left.")
    if not one["has_forecast"]:
        found.append("There is no forecast yet: only what is known to arrive is counted.")
    if one["undated_costs"]:
        kinds = " and ".join(kind.lower() for kind in one["undated_costs"])
        found.append(f"Costs of {kinds} are declared as prices: they fall due on no day and are not in the curve.")
    return found


ROUTES = (runway,)
