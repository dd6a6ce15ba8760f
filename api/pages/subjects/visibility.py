"""Visibility and peers: what comes by which channel, EVSEs that no partner sees, and quartiles among operators."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from operator import attrgetter
from typing import Final

from starlette.responses import Response

from api.access.roles import Right
from api.day_or_moment import days_of
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.table import Column, Table
from api.pages.view import Filter, View
from api.problems import bad_parameter
from domain.network.visibility import NO_CAUSE
from projections.documents.benchmark import benchmark_document
from projections.documents.visibility import channel_document, unseen_document
from projections.network.benchmark import Compared, compared, last_month, month_of
from projections.network.horizon import network_horizon
from projections.network.use import UseAsked
from projections.network.visibility import ChannelFound, UnseenEvse, channels, unseen_evses
from projections.reading import Snapshot

_SPAN: Final = (Filter("operator_id", "Operator"), Filter("from", "From"), Filter("to", "To, included"))
_MONTH: Final = (Filter("operator_id", "Operator"), Filter("month", "Month"))
_NAMES: Final = {
    "time_utilisation": "Time utilisation",
    "charging_utilisation": "Charging utilisation",
    "energy_utilisation": "Energy utilisation",
    "net_per_service_hour": "Net an hour in service",
    "net_per_occupied_hour": "Net an hour occupied",
}


@dataclass(frozen=True, slots=True)
class _Seen:
    channels: Sequence[ChannelFound]
    unseen: Sequence[UnseenEvse]
    following: str | None


@page("/visibility", Right.MONEY, *(each.name for each in _SPAN), listed="/v1/visibility/unseen")
async def visibility(call: PageCall) -> Response:
    """Channels beside each other, and the EVSEs that no partner can see."""
    (first, last), part = days_of(call.query), call.page
    asked = UseAsked(call.query.get("operator_id") or None, first=first, last=last)

    def ask(snapshot: Snapshot) -> _Seen:
        cursor, until = snapshot.cursor, network_horizon(snapshot.cursor)
        unseen = part.part(unseen_evses(cursor, asked, until), attrgetter("order"), str, str, str)
        return _Seen(channels(cursor, asked, until), *unseen)

    def present(view: View, found: _Seen) -> Response:
        return render(
            "visibility.html",
            view,
            filters=_SPAN,
            channels=_channels_table(view, found.channels),
            unseen=_unseen_table(view, found.unseen, found.following),
            note=NO_CAUSE,
        )

    return await call.show(ask, present)


def _channels_table(view: View, found: Sequence[ChannelFound]) -> Table:
    rows = [
        {**document, "key": f"{document['operator_id']} {document['channel']}"}
        for document in map(channel_document, found)
    ]
    columns = [
        Column("operator_id", "Operator", "id"),
        Column("channel", "Channel", "id"),
        Column("sessions", "Sessions", "number"),
        Column("energy_wh", "Energy", "number", unit="Wh"),
        Column("net", "Net", "money"),
        Column("margin", "Margin", "money"),
        Column("days_to_cash", "Days to cash", "number"),
        Column("sessions_of_known_drivers", "Of known drivers", "number"),
        Column("new_drivers", "Never seen before", "number"),
        Column("new_driver_share", "Share of those", "number"),
    ]
    caption = "Sessions by channel. A driver is known by a token; never seen before is by this operator."
    exports = view.exports("/v1/visibility")
    return Table(columns, rows, caption, kind="channel", key="key", empty="No sessions.", exports=exports)


def _unseen_table(view: View, found: Sequence[UnseenEvse], following: str | None) -> Table:
    rows = [{**unseen_document(each), "key": " ".join(each.order)} for each in found]
    columns = [
        Column("evse_uid", "EVSE", "id"),
        Column("location_id", "Site", "id"),
        Column("sentence", "Why"),
        Column("power_class", "Power class"),
        Column("sessions", "Sessions", "number"),
        Column("net_per_service_hour", "Net an hour in service", "number"),
        Column("comparable_evses", "Comparable EVSEs", "number"),
        Column("comparable_sessions", "Their sessions", "number"),
        Column("comparable_net_per_service_hour", "Their net an hour", "number"),
    ]
    return Table(
        columns,
        rows,
        "EVSEs that no partner sees now, beside seen ones of the same operator and power class in the same days",
        kind="unseen",
        key="key",
        empty="Partners can see every EVSE.",
        exports=view.exports("/v1/visibility/unseen"),
        pages=view.pages(following),
    )


@dataclass(frozen=True, slots=True)
class _Peers:
    month: date | None
    rows: Sequence[Compared]


@page("/benchmark", Right.MONEY, *(each.name for each in _MONTH), listed="/v1/benchmark")
async def benchmark(call: PageCall) -> Response:
    """Figures of a month beside the quartiles among operators."""
    operator_id, text = call.query.get("operator_id") or None, call.query.get("month") or None
    try:
        wanted = month_of(text) if text else None
    except ValueError as error:
        raise bad_parameter("month", str(error)) from None

    def ask(snapshot: Snapshot) -> _Peers:
        until = network_horizon(snapshot.cursor)
        first = wanted or (last_month(until) if until else None)
        return _Peers(first, compared(snapshot.cursor, first, operator_id, until) if first else [])

    def present(view: View, found: _Peers) -> Response:
        month = found.month.isoformat()[:7] if found.month else ""
        return render("benchmark.html", view, filters=_MONTH, month=month, table=_peers_table(view, found.rows))

    return await call.show(ask, present)


def _peers_table(view: View, found: Sequence[Compared]) -> Table:
    rows = [
        {
            **document,
            "name": _NAMES[document["figure"]],
            "key": f"{document['operator_id']} {document['figure']} {document['currency'] or ''}",
        }
        for document in map(benchmark_document, found)
    ]
    columns = [
        Column("operator_id", "Operator", "id"),
        Column("name", "Figure"),
        Column("currency", "Currency"),
        Column("own", "Own", "number"),
        Column("lower_quartile", "Lower quartile", "number"),
        Column("median", "Median", "number"),
        Column("upper_quartile", "Upper quartile", "number"),
        Column("operators", "Operators", "number"),
    ]
    caption = "Own figures, and quartiles to two digits where five operators or more stand behind them"
    exports = view.exports("/v1/benchmark")
    return Table(columns, rows, caption, kind="peer", key="key", empty="Nobody was used.", exports=exports)


ROUTES = (visibility, benchmark)
