"""A site and what it may draw: its limits and circuits, its quarter hours against the limit, and who gets what."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, Final
from urllib.parse import quote

from markupsafe import Markup
from starlette.responses import RedirectResponse, Response

from api.access.roles import Right
from api.day_or_moment import asked_for, last_weeks
from api.pages import charts
from api.pages.elements import element
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.subjects.sessions import session_href
from api.pages.table import Column, Table
from api.pages.view import Filter, View
from api.v1.site_load import the_site
from domain.calendar import instant
from projections.documents.site_load import against_limit_document, kilowatts, site_load_document
from projections.network.site_limits import ToldLimit, sites_named
from projections.network.site_now import AgainstLimit, SiteNow, against_limit, lowest_of, site_now
from projections.reading import Snapshot

_FILTERS: Final = (Filter("operator_id", "Operator"), Filter("from", "From"), Filter("to", "To, included"))
# A day is drawn by quarter hour.
_QUARTERS_DRAWN: Final = 96
# Why there is a limit, to whoever reads it.
_REASONS: Final[Mapping[str, str]] = {
    "GRID": "what the grid connection bears",
    "DIMMED": "dimmed by the grid operator",
    "TARIFF": "what the tariff makes worth while",
}
# Why a car gets what it gets.
_WHY: Final[Mapping[str, str]] = {
    "MAXIMUM": "as much as it can take",
    "SATISFIED": "as much as it needs by when it leaves",
    "LIMITED": "as much as circuit {circuit} has room for",
    "PAUSED": "nothing: there is no room for the least that a car can be told",
}


@dataclass(frozen=True, slots=True)
class _Found:
    now: SiteNow
    quarters: Sequence[AgainstLimit]


def site_href(view: View, operator_id: str, location_id: str) -> str:
    """The page of a site."""
    return view.link("/load", location_id, operator_id=operator_id)


def limit_words(limits: Sequence[ToldLimit]) -> str:
    """What limits that are in force come to, in few words."""
    lowest = kilowatts(lowest_of(limits))
    return f"{lowest} kW" if lowest is not None else "OFF" if limits else "none"


@page(
    "/load/{location_id}",
    Right.MONEY,
    *(each.name for each in _FILTERS),
    listed="/v1/load/{location_id}/quarters",
)
async def site(call: PageCall) -> Response:
    """One site, and the last day of the span that is asked for; that goes back five weeks where nothing says so."""
    query, location_id = call.query, call.path["location_id"]
    wanted = asked_for(
        query.get("operator_id") or None, location_id, query.get("from") or None, query.get("to") or None
    )

    def ask(snapshot: Snapshot) -> _Found | None:
        cursor = snapshot.cursor
        if wanted.operator_id is None and len(sites_named(cursor, location_id, None)) > 1:
            return None
        here = the_site(snapshot, location_id, wanted.operator_id)
        found = site_now(cursor, here)
        asked = last_weeks(replace(wanted, operator_id=here.operator_id), found.at)
        return _Found(found, against_limit(cursor, here, asked)[-_QUARTERS_DRAWN:])

    def present(view: View, found: _Found | None) -> Response:
        if found is None:
            # Several operators have a site of this id: theirs are listed, to choose from.
            return RedirectResponse(view.link("/load", location_id=location_id), 303, {"Cache-Control": "no-store"})
        document = site_load_document(found.now)
        return render(
            "site_load.html",
            view,
            site=document,
            state=_state(document),
            filters=_FILTERS,
            limits=_limits(view, document),
            circuits=[_circuits(each) for each in document["limits"] if each["circuits"]],
            cars=_cars(view, document),
            missed=_missed(document),
            chart=_chart(view, found),
            back=view.link("/load", operator_id=document["operator_id"], location_id=document["location_id"]),
        )

    def zone_of(found: _Found | None) -> str | None:
        return found.now.site.time_zone.key if found is not None else None

    return await call.show(ask, present, zone_of)


def _state(document: Mapping[str, Any]) -> str:
    return "MANAGED" if document["is_managed"] else "NOT_MANAGED"


def _limits(view: View, document: Mapping[str, Any]) -> Table:
    columns = [
        Column("reason", "Reason"),
        Column("words", "That is"),
        Column("mode", "Mode", "badge"),
        Column("limit_kw", "Site may draw", "number", unit="kW"),
        Column("effective_from", "From", "time"),
        Column("effective_to", "To", "time"),
    ]
    return Table(
        columns,
        [{**each, "words": _REASONS.get(each["reason"], "")} for each in document["limits"]],
        "In force now, of each reason the one that began last; all of them are kept, and the lowest is felt.",
        kind="limit",
        key="reason",
        empty=document["why_not"] or "",
    )


def _circuits(limit: Mapping[str, Any]) -> Table:
    columns = [
        Column("name", "Circuit", "html"),
        Column("max_a", "At most, each phase", "number", unit="A"),
        Column("max_w", "At most, in all", "number", unit="W"),
        Column("evses", "EVSEs behind it, with their phases"),
    ]
    rows = [
        {
            **each,
            "name": _branch(each["circuit_id"], depth),
            "evses": ", ".join(f"{evse['evse_uid']} ({evse['phases']})" for evse in each["evse_uids"]) or None,
        }
        for each, depth in _in_tree(limit["circuits"])
    ]
    caption = f"Circuits of the limit {limit['reason']}, each below the one that it is part of"
    return Table(columns, rows, caption, kind="circuit", key="circuit_id", section=f"circuits-{limit['reason']}")


def _in_tree(circuits: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Mapping[str, Any], int]]:
    """Circuits with how deep they are, each followed by those that are part of it."""
    below: dict[str | None, list[Mapping[str, Any]]] = {}
    for each in circuits:
        below.setdefault(each["parent"], []).append(each)
    waiting = [(each, 0) for each in reversed(below.get(None, []))]
    while waiting:
        circuit, depth = waiting.pop()
        yield circuit, depth
        waiting += [(each, depth + 1) for each in reversed(below.get(circuit["circuit_id"], []))]


def _branch(circuit_id: str, depth: int) -> Markup:
    lead = element('<span class="below" aria-hidden="true">%s└ </span>', "\u2003" * (depth - 1)) if depth else ""
    return element('%s<code class="id">%s</code>', lead, circuit_id)


def _cars(view: View, document: Mapping[str, Any]) -> Table:
    columns = [
        Column("session_id", "Session", "id", lambda row: session_href(view, row["session_id"])),
        Column("evse_uid", "EVSE", "id"),
        Column("limit_a", "May draw, each phase", "number", unit="A"),
        Column("phases", "Phases", "number"),
        Column("why", "Why", "html"),
        Column("valid_from", "Since", "time"),
        Column("answer", "The charger says", "badge"),
        Column("drawn_a", "Draws", "number", unit="A"),
    ]
    return Table(
        columns,
        [{**each, "why": _why(each["why"])} for each in document["sessions"]],
        "Sessions that are not over. One whose charger has not accepted is counted at what it may draw.",
        kind="session",
        key="session_id",
        section="cars",
        empty="Nobody is told here what to draw.",
    )


def _why(why: str | None) -> Markup | None:
    """The reason with what it says in words beside it."""
    if why is None:
        return None
    word, _, circuit = why.partition(":")
    return element('<span class="badge">%s</span> %s', why, _WHY.get(word, "").format(circuit=circuit))


def _missed(document: Mapping[str, Any]) -> Table:
    columns = [
        Column("circuit_id", "Circuit", "id"),
        Column("from", "From", "time"),
        Column("to", "To", "time"),
        Column("over_a", "By at most, a phase", "number", unit="A"),
        Column("over_w", "By at most, in all", "number", unit="W"),
    ]
    return Table(
        columns,
        [{**each, "key": f"{each['circuit_id']} {each['from']}"} for each in document["missed"]],
        "Limits that two readings in a row were above, the newest first; one without an end goes on.",
        kind="miss",
        key="key",
        section="missed",
        empty="No limit was missed.",
    )


def _chart(view: View, found: _Found) -> dict[str, Any] | None:
    """The last quarter hours in kW, under the limit as a line."""
    if not found.quarters:
        return None
    zone = found.now.site.time_zone
    rows = [against_limit_document(each) for each in found.quarters]
    ends = [instant(row["start"]).astimezone(zone) for row in rows]
    words = f"{ends[0]:%Y-%m-%d %H:%M} to {ends[-1]:%Y-%m-%d %H:%M}, {zone.key}"
    caption = f"kW by quarter hour, {words}: sessions (light), the site’s meter (dark), and the limit as a line"
    series = [charts.Series("sessions", "earned-bar", _values(rows, "kw"))]
    if any(row["measured_kw"] is not None for row in rows):
        series.append(charts.Series("measured at the meter", "paid-bar", _values(rows, "measured_kw")))
    limits = [None if row["limit_kw"] is None else Decimal(row["limit_kw"]) for row in rows]
    drawing = charts.bars(
        "Load against the limit", words, [f"{at:%H:%M}" for at in ends], series, view.reader, limits=limits
    )
    columns = [
        Column("start", "Quarter hour from", "time"),
        Column("limit_kw", "Limit", "number", unit="kW"),
        Column("kw", "Sessions", "number", unit="kW"),
        Column("measured_kw", "Measured", "number", unit="kW"),
        Column("above_kw", "Above the limit", "number", unit="kW"),
        Column("sessions", "Sessions at once", "number"),
    ]
    path = f"/v1/load/{quote(found.now.site.location_id, safe='')}/quarters"
    table = Table(columns, rows, caption, kind="quarter", key="start", exports=view.exports(path))
    legend = [*series, charts.Series("limit", "limit", ())] if any(limits) else series
    return {"drawing": drawing, "caption": caption, "series": legend, "table": table}


def _values(rows: Sequence[Mapping[str, Any]], name: str) -> list[Decimal]:
    return [Decimal(row[name] or 0) for row in rows]


ROUTES = (site,)
