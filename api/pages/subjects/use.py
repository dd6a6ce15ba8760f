"""Use of EVSEs: how often they are taken and how often they sell energy, by site, EVSE, channel, day and month."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final

from starlette.responses import Response

from api.access.roles import Right
from api.day_or_moment import DAYS_SHOWN, days_of
from api.pages import charts
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.table import Column, Table
from api.pages.view import Filter, View
from api.problems import bad_parameter
from projections.documents.use import UTILISATIONS, use_document
from projections.network.horizon import network_horizon
from projections.network.use import By, UseAsked, UseFound, by_of, use_of
from projections.reading import Snapshot

_DAYS_DRAWN_MAX: Final = 93
_FILTERS: Final = (
    Filter("operator_id", "Operator"),
    Filter("location_id", "Site"),
    Filter("from", "From"),
    Filter("to", "To, included"),
)
_BY: Final = {
    "site": "Sites",
    "evse": "EVSEs",
    "channel": "Channels",
    "month": "Months",
    "site,month": "Sites by month",
    "day": "Days",
}
_NAMED: Final = {
    "location_id": "Site",
    "evse_uid": "EVSE",
    "channel": "Channel",
    "date": "Day",
    "month": "Month",
}
_PERCENT: Final = (*UTILISATIONS, "idle_share", "peak_use")


@dataclass(frozen=True, slots=True)
class _Found:
    rows: Sequence[UseFound]
    following: str | None
    days: Sequence[UseFound]
    asked: UseAsked


@page("/use", Right.MONEY, *(each.name for each in _FILTERS), "by", listed="/v1/use")
async def use(call: PageCall) -> Response:
    """Use by what is asked for, and a picture of its days."""
    part, asked = call.page, _asked(call.query)

    def ask(snapshot: Snapshot) -> _Found:
        cursor, until = snapshot.cursor, network_horizon(snapshot.cursor)
        bounded = asked
        if asked.first is None and until is not None:
            last = asked.last or until.date()
            bounded = replace(asked, first=last - timedelta(days=DAYS_SHOWN - 1))
        days = use_of(cursor, replace(bounded, by=frozenset({By.DAY})), until)
        rows = part.part(use_of(cursor, bounded, until), attrgetter("order"), str, str, str, str, str)
        return _Found(*rows, days, bounded)

    def present(view: View, found: _Found) -> Response:
        return render(
            "use.html",
            view,
            filters=_FILTERS,
            chosen=_choices(view, call.query),
            table=_table(view, found.rows, found.asked, found.following),
            chart=_chart(view, found),
        )

    return await call.show(ask, present)


def _asked(query: Mapping[str, str]) -> UseAsked:
    """What is asked for; raises Problem 400 for what nobody can ask."""
    first, last = days_of(query)
    try:
        by = by_of(query.get("by") or "site")
    except ValueError as error:
        raise bad_parameter("by", str(error)) from None
    return UseAsked(query.get("operator_id") or None, query.get("location_id") or None, None, first, last, by)


def _choices(view: View, query: Mapping[str, str]) -> list[dict[str, Any]]:
    """The ways in which the table can be cut, each with its address and whether it is the one that is shown."""
    shown = query.get("by") or "site"
    return [
        {"label": label, "href": view.here(by=by, cursor=None), "is_shown": by == shown} for by, label in _BY.items()
    ]


def _row(found: UseFound, by: frozenset[By]) -> dict[str, Any]:
    """A document with shares in percent and hours, as people read them."""
    document = use_document(found, by)
    shares = {name: _percent(document[name]) for name in _PERCENT}
    hours = {f"{name}_h": _hours(document[f"{name}_s"]) for name in ("in_service", "occupied", "charging", "idle")}
    kwh = _short(Decimal(document["energy_wh"]) / 1000, 1)
    per_hour = {
        name: _short(Decimal(document[name]), 2) if document[name] is not None else None
        for name in ("net_per_service_hour", "net_per_occupied_hour")
    }
    return {**document, **shares, **hours, **per_hour, "energy_kwh": kwh, "key": " ".join(found.order)}


def _percent(share: str | None) -> str | None:
    return None if share is None else _short(Decimal(share) * 100, 1)


def _hours(seconds: int) -> str:
    return _short(Decimal(seconds) / 3600, 1)


def _short(value: Decimal, places: int) -> str:
    return str(round(value, places))


def _table(view: View, rows: Sequence[UseFound], asked: UseAsked, following: str | None) -> Table:
    by = asked.by
    documents = [_row(each, by) for each in rows]
    named = [name for name in _NAMED if documents and name in documents[0]]

    def within(row: Mapping[str, Any]) -> str | None:
        if "evse_uid" in row:
            return None
        return view.here(operator_id=row["operator_id"], location_id=row.get("location_id"), by="evse", cursor=None)

    columns = [
        Column("operator_id", "Operator", "id", lambda row: view.here(operator_id=row["operator_id"], cursor=None)),
        *(Column(name, _NAMED[name], "id", within if name == "location_id" else None) for name in named),
        Column("evses", "EVSEs", "number"),
        Column("sessions", "Sessions", "number"),
        Column("energy_kwh", "Energy", "number", unit="kWh"),
        Column("occupied_h", "Occupied", "number", unit="h"),
        Column("charging_h", "Charging", "number", unit="h"),
        Column("time_utilisation", "Time utilisation", "number", unit="%"),
        Column("charging_utilisation", "Charging utilisation", "number", unit="%"),
        Column("energy_utilisation", "Energy utilisation", "number", unit="%"),
        *([Column("peak_use", "At once, at most", "number", unit="%")] if By.SITE in by else []),
        Column("net", "Net", "money"),
        Column("net_per_service_hour", "Net an hour in service", "number"),
    ]
    return Table(
        columns,
        documents,
        "Occupied, charging and energy are of the time in service. Net is of the sessions that ended.",
        kind="use",
        key="key",
        empty="No EVSE was heard in this time.",
        exports=view.exports("/v1/use"),
        pages=view.pages(following),
    )


def _chart(view: View, found: _Found) -> dict[str, Any] | None:
    """Time and charging utilisation by day, of all operators that are asked for taken together."""
    sums: dict[str, list[int]] = {}
    for each in found.days:
        day = sums.setdefault(each.key.time, [0, 0, 0])
        day[0] += each.use.in_service_us
        day[1] += each.use.occupied_us
        day[2] += each.use.charging_us
    shown = sorted(sums)[-_DAYS_DRAWN_MAX:]
    if not shown:
        return None
    rows = [
        {
            "date": day,
            "time_utilisation": _share(sums[day][1], sums[day][0]),
            "charging_utilisation": _share(sums[day][2], sums[day][0]),
        }
        for day in shown
    ]
    series = [
        charts.Series("occupied", "earned-bar", [Decimal(row["time_utilisation"] or 0) for row in rows]),
        charts.Series("charging", "paid-bar", [Decimal(row["charging_utilisation"] or 0) for row in rows]),
    ]
    words = f"{shown[0]} to {shown[-1]}"
    caption = f"Percent of the time in service that was occupied (light) and charging (dark), by day, {words}"
    columns = [
        Column("date", "Day", "date"),
        Column("time_utilisation", "Time utilisation", "number", unit="%"),
        Column("charging_utilisation", "Charging utilisation", "number", unit="%"),
    ]
    table = Table(columns, rows, caption, kind="day", key="date", exports=_files(view, found.asked))
    labels = [day[8:].lstrip("0") for day in shown]
    drawing = charts.bars("Time and charging utilisation by day", words, labels, series, view.reader)
    return {"drawing": drawing, "caption": caption, "series": series, "table": table}


def _share(part_us: int, whole_us: int) -> str | None:
    return _short(Decimal(part_us) / Decimal(whole_us) * 100, 1) if whole_us else None


def _files(view: View, asked: UseAsked) -> dict[str, str]:
    span = {"operator_id": asked.operator_id, "location_id": asked.location_id, "by": "day"}
    span |= {
        "from": asked.first.isoformat() if asked.first else None,
        "to": asked.last.isoformat() if asked.last else None,
    }
    path = "/v1/use"
    return {
        "CSV": view.link(path, **span, format="csv"),
        "Excel": view.link(path, **span, format="xlsx"),
        "JSON": view.link(path, **span),
    }


ROUTES = (use,)
