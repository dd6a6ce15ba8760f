"""Load of sites: quarter hours against the peak of their month, monthly peaks, and what is left out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from starlette.responses import Response

from api.access.roles import Right
from api.day_or_moment import asked_for, last_weeks
from api.pages import charts
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.subjects.sessions import session_href
from api.pages.subjects.site_load import limit_words, site_href
from api.pages.table import Column, Table
from api.pages.view import Filter, View
from projections.documents.load import left_out_document, load_document, peak_document
from projections.network.asked import Asked, sites_asked
from projections.network.horizon import network_horizon
from projections.network.load import By, LeftOut, Load, Peak, left_out, peaks, quarters, sums
from projections.network.site_limits import in_force, limits_told
from projections.reading import Snapshot

_FILTERS: Final = (
    Filter("operator_id", "Operator"),
    Filter("location_id", "Site"),
    Filter("from", "From"),
    Filter("to", "To, included"),
)
# Of one site a day is drawn by quarter hour.
_QUARTERS_DRAWN: Final = 96
_ROWS_MAX: Final = 500


@dataclass(frozen=True, slots=True)
class _Found:
    asked: Asked
    sites: Sequence[Load]
    quarters: Sequence[Load]
    peaks: Sequence[Peak]
    left_out: Sequence[LeftOut]
    limits: Mapping[tuple[str, str], str]


@page("/load", Right.MONEY, *(each.name for each in _FILTERS), listed="/v1/load")
async def load(call: PageCall) -> Response:
    """Sites with their energy and peaks; of one site its quarter hours."""
    query = call.query
    wanted = asked_for(*(query.get(name) or None for name in ("operator_id", "location_id", "from", "to")))

    def ask(snapshot: Snapshot) -> _Found:
        cursor, until = snapshot.cursor, network_horizon(snapshot.cursor)
        asked = last_weeks(wanted, until)
        shown = sites_asked(cursor, asked)
        one = asked.location_id is not None or len(shown) == 1
        return _Found(
            asked,
            sums(cursor, asked, By.SITE),
            quarters(cursor, asked)[-_QUARTERS_DRAWN:] if one else (),
            peaks(cursor, asked, until),
            left_out(cursor, asked)[:_ROWS_MAX],
            _limits(snapshot, asked, until),
        )

    def present(view: View, found: _Found) -> Response:
        return render(
            "load.html",
            view,
            filters=_FILTERS,
            sites=_sites(view, found),
            chart=_chart(view, found),
            peaks=_peaks(view, found),
            left_out=_left_out(view, found),
        )

    return await call.show(ask, present)


def _limits(snapshot: Snapshot, asked: Asked, at: datetime | None) -> Mapping[tuple[str, str], str]:
    """Of sites that have a limit what it is now, in words."""
    if at is None:
        return {}
    key = asked.location_id.casefold() if asked.location_id is not None else None
    told = limits_told(snapshot.cursor, asked.operator_id, key)
    return {site: limit_words(in_force(versions, at)) for site, versions in told.items()}


def _kwh(wh: str | None) -> str | None:
    return None if wh is None else str(round(Decimal(wh) / 1000, 1))


def _span(asked: Asked) -> dict[str, object]:
    ends = {"from": asked.since, "to": asked.until}
    return {
        "operator_id": asked.operator_id,
        "location_id": asked.location_id,
        **{name: None if at is None else at.isoformat() for name, at in ends.items()},
    }


def _files(view: View, path: str, asked: Asked, **more: object) -> dict[str, str]:
    span = _span(asked) | more
    return {
        "CSV": view.link(path, **span, format="csv"),
        "Excel": view.link(path, **span, format="xlsx"),
        "JSON": view.link(path, **span),
    }


def _place(view: View) -> list[Column]:
    def here(row: Mapping[str, Any]) -> str:
        return view.here(operator_id=row["operator_id"], location_id=row["location_id"])

    return [
        Column("operator_id", "Operator", "id", lambda row: view.here(operator_id=row["operator_id"])),
        Column("location_id", "Site", "id", here),
    ]


def _sites(view: View, found: _Found) -> Table:
    rows = []
    for each in found.sites:
        document = load_document(each)
        figures = {name: _kwh(document[name]) for name in ("energy_wh", "measured_wh", "other_wh", "unexplained_wh")}
        limit = found.limits.get((each.site.operator_id, each.site.location_key), "none")
        key = f"{document['operator_id']} {document['location_id']}"
        rows.append({**document, **figures, "limit": limit, "key": key})
    columns = [
        *_place(view),
        Column("energy_wh", "Sessions", "number", unit="kWh"),
        Column("measured_wh", "Measured import", "number", unit="kWh"),
        Column("other_wh", "Other load", "number", unit="kWh"),
        Column("unexplained_wh", "Unexplained", "number", unit="kWh"),
        Column("limit", "Limit now", href=lambda row: site_href(view, row["operator_id"], row["location_id"])),
    ]
    return Table(
        columns,
        rows,
        "Other = measured import - sessions, quarter hour by quarter hour, never below 0; where sessions took more, "
        "that is unexplained. Without a meter there is none of them.",
        kind="site",
        key="key",
        empty="No site delivered energy in this time.",
        exports=_files(view, "/v1/load", found.asked, by="site"),
    )


def _chart(view: View, found: _Found) -> dict[str, Any] | None:
    """The last quarter hours of one site in kW, each beside the peak of its month."""
    if not found.quarters:
        return None
    zone = found.quarters[0].site.time_zone
    highest = {each.month: peak_document(each)["peak_kw"] for each in found.peaks}
    rows = []
    for each in found.quarters:
        document = load_document(each)
        assert each.start is not None
        month = each.start.astimezone(zone).date().replace(day=1)
        rows.append({**document, "peak_kw": highest.get(month)})
    series = [
        charts.Series("sessions", "earned-bar", [Decimal(row["kw"]) for row in rows]),
        charts.Series("the month’s peak", "paid-bar", [Decimal(row["peak_kw"] or 0) for row in rows]),
    ]
    ends = [each.start.astimezone(zone) for each in found.quarters if each.start is not None]
    words = f"{ends[0]:%Y-%m-%d %H:%M} to {ends[-1]:%Y-%m-%d %H:%M}, {zone.key}"
    caption = f"kW by quarter hour (light), beside the highest of its month (dark), {words}"
    columns = [
        Column("start", "Quarter hour from", "time"),
        Column("kw", "Sessions", "number", unit="kW"),
        Column("peak_kw", "Peak of the month", "number", unit="kW"),
        Column("energy_wh", "Energy", "number", unit="Wh"),
        Column("sessions", "Sessions at once", "number"),
    ]
    table = Table(columns, rows, caption, kind="quarter", key="start", exports=_files(view, "/v1/load", found.asked))
    labels = [f"{at:%H:%M}" for at in ends]
    drawing = charts.bars("Load by quarter hour", words, labels, series, view.reader)
    return {"drawing": drawing, "caption": caption, "series": series, "table": table}


def _peaks(view: View, found: _Found) -> Table:
    rows = []
    for each in found.peaks:
        document = peak_document(each)
        key = f"{document['operator_id']} {document['location_id']} {document['month']}"
        rows.append({**document, "energy_wh": _kwh(document["energy_wh"]), "key": key})
    columns = [
        *_place(view),
        Column("month", "Month"),
        Column("peak_kw", "Peak", "number", unit="kW"),
        Column("peak_start", "Quarter hour from", "time"),
        Column("energy_wh", "Energy", "number", unit="kWh"),
        Column("load_factor", "Load factor", "number"),
        Column("measured_peak_kw", "Peak by the meter", "number", unit="kW"),
        Column("measured_peak_start", "Quarter hour from", "time"),
    ]
    return Table(
        columns,
        rows,
        "The highest quarter hour of each month where the site is, of equals the first; kW = Wh x 4 / 1000. Load "
        "factor is mean / peak.",
        kind="peak",
        key="key",
        empty="No month has energy.",
        exports=_files(view, "/v1/load/peaks", found.asked),
    )


def _left_out(view: View, found: _Found) -> Table:
    columns = [
        Column("session_id", "Session", "id", lambda row: session_href(view, row["session_id"])),
        *_place(view),
        Column("evse_uid", "EVSE", "id"),
        Column("started_at", "Started", "time"),
        Column("reason", "Why"),
    ]
    return Table(
        columns,
        [left_out_document(each) for each in found.left_out],
        "Sessions that are in no figure of energy here.",
        kind="session",
        key="session_id",
        empty="Every session of this time is in.",
        exports=_files(view, "/v1/load/left-out", found.asked),
    )


ROUTES = (load,)
