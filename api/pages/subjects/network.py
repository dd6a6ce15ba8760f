"""The network as it is now: a tile for each EVSE, and its table; the page looks again by itself."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from starlette.responses import Response

from api.access.roles import Right
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.subjects.sessions import operator_href, session_href
from api.pages.subjects.site_load import site_href
from api.pages.table import Column, Row, Table
from api.pages.view import Filter, View
from api.problems import bad_parameter
from projections.documents.live_network import live_evse_document
from projections.network.live import LiveFilter, LiveNetwork, LiveState, live_network
from projections.reading import Snapshot

FILTERS = (
    Filter("operator_id", "Operator"),
    Filter("location_id", "Location"),
    Filter("state", "State", tuple(LiveState)),
)
# What each state is called where it is counted, in the order in which people look.
_WORDS: Mapping[LiveState, str] = {
    LiveState.DOWN: "down",
    LiveState.SILENT: "silent",
    LiveState.BLOCKED: "blocked",
    LiveState.UP: "up",
    LiveState.NO_STATUS: "without a status",
    LiveState.OUT_OF_SERVICE: "out of service",
}
# The other pages of the network.
_ELSEWHERE = (
    ("use", "/use"),
    ("load", "/load"),
    ("uptime", "/uptime"),
    ("margins", "/margins"),
    ("visibility", "/visibility"),
    ("peers", "/benchmark"),
    ("cash", "/cash"),
)


@page("/network", Right.MONEY, *(each.name for each in FILTERS), listed="/v1/network")
async def network(call: PageCall) -> Response:
    """EVSEs by operator and location, with what charges there now."""
    wanted, part = _wanted(call.query), call.page
    keys = part.keys(str, str, str)
    after = (keys[0], keys[1], keys[2]) if keys else None

    def ask(snapshot: Snapshot) -> LiveNetwork:
        return live_network(snapshot.cursor, wanted, limit=part.limit + 1, after=after)

    def present(view: View, found: LiveNetwork) -> Response:
        shown = found.evses[: part.limit]
        cursor = part.cursor(*shown[-1].place) if found.evses[part.limit :] else None
        rows = [live_evse_document(each) for each in shown]
        return render(
            "network.html",
            view,
            filters=FILTERS,
            at=found.at,
            counts=[(words, state, found.counts[state]) for state, words in _WORDS.items() if state in found.counts],
            sites=_tiles(view, rows),
            table=_table(view, rows, cursor),
            elsewhere=[(words, view.link(path)) for words, path in _ELSEWHERE],
        )

    return await call.show(ask, present)


def _wanted(query: Mapping[str, str]) -> LiveFilter:
    state = query.get("state") or None
    if state is not None and state not in set(LiveState):
        raise bad_parameter("state", f"is one of {', '.join(LiveState)}")
    return LiveFilter(
        query.get("operator_id") or None, query.get("location_id") or None, LiveState(state) if state else None
    )


def _tiles(view: View, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The EVSEs of each site, each as its name, the class of its colour, and what is said of it."""

    def site(row: Row) -> tuple[str, str]:
        return row["operator_id"], row["location_id"]

    return [
        {
            "operator_id": operator_id,
            "location_id": location_id,
            "href": site_href(view, operator_id, location_id),
            "tiles": [_tile(view, row) for row in of_site],
        }
        for (operator_id, location_id), of_site in groupby(rows, site)
    ]


def _tile(view: View, row: Row) -> dict[str, Any]:
    state = LiveState(row["state"])
    words = state.replace("_", " ").lower()
    if row["session_id"] is not None:
        words += f", {row['session_state'].lower()}"
    shade = "busy" if state is LiveState.UP and row["session_id"] is not None else state.lower().replace("_", "-")
    href = session_href(view, row["session_id"]) if row["session_id"] is not None else None
    return {"evse_uid": row["evse_uid"], "shade": shade, "words": words, "href": href}


def _table(view: View, rows: Sequence[Row], cursor: str | None) -> Table:
    columns = [
        Column("evse_uid", "EVSE", "id"),
        Column("location_id", "Location"),
        Column("operator_id", "Operator", href=lambda row: operator_href(view, row["operator_id"])),
        Column("power_w", "Power", "number", unit="W"),
        Column("state", "State", "badge"),
        Column("since", "Since", "time"),
        Column("last_sign_at", "Last sign of life", "time"),
        Column("session_id", "Session", "id", lambda row: session_href(view, row["session_id"])),
        Column("session_state", "It is", "badge"),
        Column("energy_wh", "Energy so far", "number", unit="Wh"),
        Column("gross", "Cost so far", "money"),
    ]
    return Table(
        columns,
        rows,
        "By operator, location and EVSE. Energy and cost of a session are up to the last that was heard of it.",
        kind="evse",
        key="evse_uid",
        empty="No EVSE is like that.",
        exports=view.exports("/v1/network"),
        pages=view.pages(cursor),
    )


ROUTES = (network,)
