"""Margins: from the net of sessions to what is left after their costs, and the ladder of a site's demand charge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from starlette.responses import Response

from api.access.roles import Right
from api.pages import charts
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.subjects.sessions import operator_href, session_href
from api.pages.subjects.statements import moment_in
from api.pages.table import Check, Column, Row, Sum, Table
from api.pages.view import Filter, View
from api.problems import bad_parameter
from domain.network.demand import month_named
from domain.network.shared_charge import rungs
from projections.documents.decimals import decimal
from projections.documents.network_costs import (
    MISSING,
    demand_document,
    margin_document,
    margin_sum_document,
    rung_document,
)
from projections.network.asked import Asked
from projections.network.demand_months import DemandFilter, demand_keys, demand_months
from projections.network.horizon import network_horizon
from projections.network.margins import By, MarginFilter, MarginSum, SessionMargin, session_margins, summed
from projections.network.site_month import SiteMonth, SiteMonths
from projections.reading import Snapshot

_FILTERS: Final = (
    Filter("operator_id", "Operator"),
    Filter("location_id", "Site"),
    Filter("evse_uid", "Charger"),
    Filter("month", "Month of demand"),
    Filter("from", "Began from", is_moment=True),
    Filter("to", "To, not included", is_moment=True),
)
_STEPS: Final = (
    ("net", "Net of sessions", 1),
    ("commission", "Commission", -1),
    ("provider_fee", "Recharged provider fees", -1),
    ("energy_cost", "Cost of energy", -1),
    ("demand_share", "Share of demand charges", -1),
)


@dataclass(frozen=True, slots=True)
class _Found:
    sessions: Sequence[SessionMargin]
    operators: Sequence[MarginSum]
    sites: Sequence[MarginSum]
    chargers: Sequence[MarginSum]
    demand: Sequence[SiteMonth]


@page(
    "/margins",
    Right.MONEY,
    *(each.name for each in _FILTERS),
    listed="/v1/margins",
    beside=frozenset({"month"}),
)
async def margins(call: PageCall) -> Response:
    """What is left of the price of sessions, in all, by site and by charger, and session by session."""
    part = call.page
    wanted = _wanted(call)
    month = call.query.get("month") or None
    try:
        named = month_named(month) if month else None
    except ValueError:
        raise bad_parameter("month", "is no month: write it as 2026-03") from None

    def ask(snapshot: Snapshot) -> _Found:
        cursor = snapshot.cursor
        months = SiteMonths(cursor, network_horizon(cursor))
        everything = list(session_margins(cursor, months, wanted))
        keys = demand_keys(
            cursor, months, DemandFilter(wanted.asked.operator_id, wanted.asked.location_id, named, named)
        )
        # The newest months: of a site all that a year has, else one a site.
        shown = keys[-12:] if wanted.asked.location_id else list({key[:2]: key for key in keys}.values())[-20:]
        return _Found(
            everything,
            summed(everything, By.OPERATOR, months),
            summed(everything, By.SITE, months),
            summed(everything, By.EVSE, months) if wanted.asked.location_id or wanted.asked.operator_id else (),
            list(demand_months(months, shown)),
        )

    def present(view: View, found: _Found) -> Response:
        keys = part.keys(str)
        behind = [each for each in found.sessions if keys is None or each.session_id > keys[0]]
        following = part.cursor(behind[part.limit - 1].session_id) if behind[part.limit :] else None
        return render(
            "margins.html",
            view,
            filters=_FILTERS,
            waterfalls=[_waterfall(each) for each in _by_currency(found.operators)],
            sites=_sums(view, found.sites, "Margins by site"),
            chargers=_sums(view, found.chargers, "Margins by charger") if found.chargers else None,
            demand=_demand(view, found.demand),
            ladder=_ladder(view, found.demand) if wanted.asked.location_id else None,
            sessions=_sessions(view, behind[: part.limit], following),
        )

    return await call.show(ask, present)


def _wanted(call: PageCall) -> MarginFilter:
    named = {name: call.query.get(name) or None for name in ("operator_id", "location_id", "evse_uid")}
    asked = Asked(named["operator_id"], named["location_id"], moment_in(call, "from"), moment_in(call, "to"))
    if asked.is_backwards:
        raise bad_parameter("to", "is not after `from`: no session began in between")
    return MarginFilter(asked, named["evse_uid"])


def _by_currency(sums: Sequence[MarginSum]) -> list[MarginSum]:
    """All operators together, in each currency."""
    found: dict[str, MarginSum] = {}
    for each in sums:
        found.setdefault(each.currency, MarginSum({}, each.currency)).take(each)
    return [found[currency] for currency in sorted(found)]


def _waterfall(each: MarginSum) -> Table:
    """From net to margin, each step with its bar; the check says which sessions are not in it."""
    document = margin_sum_document(each)
    amounts = [sign * Decimal(document[name]) for name, _, sign in _STEPS]
    bars = charts.steps(amounts)
    rows = [
        {"label": label, "code": name, "bar": bar, "amount": format(amount, "f"), "currency": each.currency}
        for (name, label, _), amount, bar in zip(_STEPS, amounts, bars, strict=False)
    ]
    columns = [Column("label", "Step"), Column("bar", "Share of it", "html"), Column("amount", "Amount", "amount")]
    left = {"bar": bars[-1], "amount": document["margin"] or "0"}
    return Table(
        columns,
        rows,
        f"From net to margin, in {each.currency}, of {each.sessions} sessions",
        kind="step",
        key="code",
        section="waterfall",
        sums=[Sum("Gross margin", left, each.currency, "margin")],
        checks=[_check(document)],
    )


def _check(document: Mapping[str, Any]) -> Check:
    if not document["without_margin"]:
        return Check(True, "Every rated session of this filter is in it.")
    why = " or ".join(MISSING[name] for name in document["missing"])
    net = f"{document['net_without_margin']} {document['currency']}"
    return Check(False, f"{document['without_margin']} sessions, of {net} net, are not in it: {why}.")


def _sums(view: View, found: Sequence[MarginSum], caption: str) -> Table:
    rows = [_with_words(margin_sum_document(each)) for each in found]
    has_chargers = any("evse_uid" in row for row in rows)
    columns = [
        Column("operator_id", "Operator", href=lambda row: operator_href(view, row["operator_id"])),
        Column("location_id", "Site", href=lambda row: _here(view, row, "location_id")),
        *([Column("evse_uid", "Charger", href=lambda row: _here(view, row, "evse_uid"))] if has_chargers else []),
        Column("currency", "Currency"),
        Column("sessions", "Sessions", "number"),
        *(Column(name, label, "amount") for name, label, _ in _STEPS),
        Column("margin", "Margin", "amount"),
        Column("words", "Not in it"),
    ]
    return Table(
        columns,
        rows,
        caption,
        kind="charger" if has_chargers else "site",
        key="evse_uid" if has_chargers else "location_id",
        empty="No session is rated yet.",
        exports=view.exports("/v1/margins/sums", month=None, by="evse" if has_chargers else None),
    )


def _here(view: View, row: Row, name: str) -> str | None:
    named = {each: row.get(each) for each in ("operator_id", "location_id", "evse_uid") if each in row}
    return None if row.get(name) is None else view.here(**named, cursor=None)


def _with_words(row: dict[str, Any]) -> dict[str, Any]:
    missing = ", ".join(name.lower() for name in row["missing"])
    return {**row, "words": f"{row['without_margin']} ({missing})" if row["without_margin"] else None}


def _sessions(view: View, shown: Sequence[SessionMargin], cursor: str | None) -> Table:
    columns = [
        Column("session_id", "Session", "id", lambda row: session_href(view, row["session_id"])),
        Column("location_id", "Site"),
        Column("evse_uid", "Charger", "id"),
        Column("currency", "Currency"),
        *(Column(name, label, "amount") for name, label, _ in _STEPS),
        Column("margin", "Margin", "amount"),
        Column("words", "Missing"),
    ]
    rows = [{**row, "words": " ".join(row["missing"]).lower() or None} for row in map(margin_document, shown)]
    return Table(
        columns,
        rows,
        "Rated sessions in the order of their ids",
        kind="session",
        key="session_id",
        empty="No rated session is like that.",
        exports=view.exports("/v1/margins", month=None),
        pages=view.pages(cursor),
    )


def _demand(view: View, found: Sequence[SiteMonth]) -> Table:
    month = view.query.get("month")
    rows = [{**row, "other": (row["other_load"] or {}).get("ladder")} for row in map(demand_document, found)]

    def month_href(row: Row) -> str:
        return view.here(operator_id=row["operator_id"], location_id=row["location_id"], month=row["month"])

    columns = [
        Column("location_id", "Site"),
        Column("month", "Month", href=month_href),
        Column("peak_at", "Peak", "time"),
        Column("peak_kw", "Peak", "number", unit="kW"),
        Column("billed_kw", "Charged for", "number", unit="kW"),
        Column("charge", "Charge", "amount"),
        Column("other", "Of other load", "amount"),
        Column("sessions", "Sessions", "number"),
        Column("difference", "Since it closed", "amount"),
    ]
    return Table(
        columns,
        rows,
        "Demand charges by month; a month closes five days after its end",
        kind="demand",
        key="month",
        empty="No price of demand is declared.",
        exports=view.exports("/v1/demand", evse_uid=None, month=None, **{"from": month, "to": month}),
    )


def _ladder(view: View, found: Sequence[SiteMonth]) -> dict[str, Any] | None:
    """The newest month with a charge, as a staircase: quarter hours by their load, and what each step of it costs."""
    newest = next((each for each in reversed(found) if each.shared is not None), None)
    if newest is None or newest.shared is None:
        return None
    heights: dict[int, Any] = {}
    for of_player in newest.loads.values():
        for quarter, energy in of_player:
            heights[quarter] = heights.get(quarter, 0) + energy
    sorted_kw = [Decimal(decimal(Fraction(energy * 4, 1000))) for energy in sorted(heights.values(), reverse=True)]
    where = f"{newest.site.location_id}, {newest.month}"
    caption = f"The ladder of {where}: quarter hours by their load in kW, the highest at the left"
    rows = [{**rung_document(rung), "currency": newest.currency} for rung in rungs(newest.loads, newest.shared)]
    columns = [
        Column("from_kw", "From", "number", unit="kW"),
        Column("to_kw", "To", "number", unit="kW"),
        Column("quarters", "Quarter hours that reach it", "number"),
        Column("cost", "Costs", "amount"),
        Column("cost_a_quarter", "A quarter hour", "number"),
    ]
    named = {
        "location_id": newest.site.location_id,
        "month": str(newest.month),
        "operator_id": newest.site.operator_id,
    }
    path = "/v1/demand/ladder"
    exports = {"CSV": view.link(path, **named, format="csv"), "Excel": view.link(path, **named, format="xlsx")}
    table = Table(
        columns, rows, f"What each step of {where} costs", exports=exports | {"JSON": view.link(path, **named)}
    )
    drawing = charts.duration(f"Load of {where} by height", caption, sorted_kw, view.reader)
    return {"drawing": drawing, "caption": caption, "table": table}


ROUTES = (margins,)
