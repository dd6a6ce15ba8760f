"""Uptime of EVSEs: a strip of each that shows when it was up, down or silent, its figures, and every outage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Any, Final

from starlette.responses import Response

from api.access.roles import Right
from api.day_or_moment import asked_for, last_weeks
from api.pages.charts import Series
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.strips import strip as strip_of
from api.pages.table import Column, Table
from api.pages.view import Filter, View
from domain.network.attempts import THRESHOLDS
from domain.network.moments import moment_of
from domain.network.uptime import Shown, strip
from projections.documents.gaps import gap_document
from projections.documents.success import success_documents
from projections.documents.uptime import outage_documents, uptime_document
from projections.network.attempts import attempts_of
from projections.network.gaps import gaps
from projections.network.horizon import network_horizon
from projections.network.uptime import EvseUptime, uptimes
from projections.reading import Snapshot

# Of more outages or gaps the rest are in the file.
_ROWS_MAX: Final = 200
_FILTERS: Final = (
    Filter("operator_id", "Operator"),
    Filter("location_id", "Site"),
    Filter("evse_uid", "EVSE"),
    Filter("from", "From"),
    Filter("to", "To, included"),
)
_SHADES: Final = {
    Shown.UP: ("up", "earned-bar"),
    Shown.BLOCKED: ("blocked", "in-transit"),
    Shown.DOWN: ("down", "to-fix"),
    Shown.SILENT: ("silent", "minus"),
    Shown.EXCLUDED: ("down, and explained", "plus"),
    Shown.OUT_OF_SERVICE: ("out of service", "reserved"),
}


@dataclass(frozen=True, slots=True)
class _Found:
    evses: Sequence[EvseUptime]
    following: str | None
    outages: Sequence[dict[str, Any]]
    gaps: Sequence[dict[str, Any]]
    success: Sequence[dict[str, Any]]
    span: tuple[int, int] | None


@page("/uptime", Right.MONEY, *(each.name for each in _FILTERS), listed="/v1/uptime")
async def uptime(call: PageCall) -> Response:
    """The EVSEs that are asked for, each with its strip and figures, and their outages."""
    names = ("operator_id", "location_id", "from", "to")
    asked = asked_for(*(call.query.get(name) or None for name in names))
    part, evse_uid = call.page, call.query.get("evse_uid") or None

    def ask(snapshot: Snapshot) -> _Found:
        horizon = network_horizon(snapshot.cursor)
        if horizon is None:
            return _Found((), None, (), (), (), None)
        bounded = last_weeks(asked, horizon)
        found = uptimes(snapshot.cursor, bounded, horizon, evse_uid)
        missing = map(gap_document, gaps(snapshot.cursor, bounded, horizon))
        named = evse_uid.casefold() if evse_uid is not None else None
        of_evse = (each for each in missing if named in (None, each["evse_uid"].casefold()))
        success = success_documents(attempts_of(snapshot.cursor, bounded), "site", evse_uid)
        outages = (each for evse in found for each in outage_documents(evse))
        first = list(islice(outages, _ROWS_MAX)), list(islice(of_evse, _ROWS_MAX))
        return _Found(*part.part(found, _place, str, str, str), *first, success, _span(found))

    def present(view: View, found: _Found) -> Response:
        return render(
            "uptime.html",
            view,
            filters=_FILTERS,
            table=_table(view, found.evses, found.span, found.following),
            legend=[Series(words, shade, ()) for words, shade in _SHADES.values()],
            outages=_outages(view, found.outages),
            gaps=_gaps(view, found.gaps),
            success=_success(view, found.success),
            thresholds=THRESHOLDS,
        )

    return await call.show(ask, present)


def _place(found: EvseUptime) -> tuple[str, str, str]:
    return found.operator_id, found.location_id, found.evse_uid


def _span(found: Sequence[EvseUptime]) -> tuple[int, int] | None:
    """From the first to the last moment of all strips, so that those below each other compare."""
    if not found:
        return None
    return min(each.uptime.begin for each in found), max(each.uptime.end for each in found)


def _table(view: View, found: Sequence[EvseUptime], span: tuple[int, int] | None, following: str | None) -> Table:
    rows = [_row(view, each, span) for each in found if span is not None]

    def of_evse(row: Mapping[str, Any]) -> str:
        return view.here(operator_id=row["operator_id"], evse_uid=row["evse_uid"], cursor=None)

    columns = [
        Column("operator_id", "Operator", "id", lambda row: view.here(operator_id=row["operator_id"], cursor=None)),
        Column("location_id", "Site", "id", lambda row: view.here(location_id=row["location_id"], cursor=None)),
        Column("evse_uid", "EVSE", "id", of_evse),
        Column("strip", "When it was up", "html"),
        Column("uptime", "Uptime", "number", unit="%"),
        Column("outages", "Outages", "number"),
        Column("outage_h", "Down", "number", unit="h"),
        Column("excluded_h", "Explained", "number", unit="h"),
        Column("uptime_nevi", "365 days", "number", unit="%"),
        Column("status", "Status", "badge"),
        Column("silent_since", "Silent since", "time"),
    ]
    words = "from the first moment that is shown to the last"
    if span is not None:
        words = " to ".join(view.reader.time(moment_of(each)).striptags() for each in span)
    return Table(
        columns,
        rows,
        f"EVSEs; strips go {words}",
        kind="evse",
        key="evse_uid",
        empty="No EVSE was heard in this time.",
        exports=view.exports("/v1/uptime"),
        pages=view.pages(following),
    )


def _row(view: View, found: EvseUptime, span: tuple[int, int]) -> dict[str, Any]:
    document = uptime_document(found)
    share = document["uptime"]
    return {
        **document,
        "strip": _strip(found, share, span),
        "uptime": None if share is None else _short(Decimal(share) * 100, 3),
        "uptime_nevi": None if document["uptime_nevi"] is None else _short(Decimal(document["uptime_nevi"]), 3),
        **{f"{name}_h": _short(Decimal(document[f"{name}_s"]) / 3600, 1) for name in ("outage", "excluded")},
    }


def _strip(found: EvseUptime, share: str | None, span: tuple[int, int]) -> Any:
    begin, length = span[0], max(span[1] - span[0], 1)
    parts = [
        ((first - begin) / length, (last - begin) / length, _SHADES[shown][1], _SHADES[shown][0])
        for (first, last), shown in strip(found.life, found.uptime)
    ]
    words = "not in service" if share is None else f"uptime {_short(Decimal(share) * 100, 3)} %"
    return strip_of(f"{found.evse_uid}: {words}, outages {len(found.uptime.outages)}", parts)


def _short(value: Decimal, places: int) -> str:
    return str(round(value, places))


def _outages(view: View, documents: Sequence[dict[str, Any]]) -> Table:
    rows = [
        {
            **each,
            "key": f"{each['evse_uid']} {each['from']}",
            "minutes": _short(Decimal(each["outage_s"]) / 60, 1),
            "excluded_minutes": _short(Decimal(each["excluded_s"]) / 60, 1),
            "why": ", ".join(dict.fromkeys(part["cause"].replace("_", " ").lower() for part in each["explained"])),
            "status": each["status"] if each["silent_s"] < each["outage_s"] else "SILENT",
        }
        for each in documents
    ]
    columns = [
        Column("operator_id", "Operator", "id"),
        Column("location_id", "Site", "id"),
        Column("evse_uid", "EVSE", "id"),
        Column("from", "From", "time"),
        Column("to", "To", "time"),
        Column("minutes", "Down", "number", unit="min"),
        Column("excluded_minutes", "Explained", "number", unit="min"),
        Column("why", "By"),
        Column("status", "Told", "badge"),
        Column("error_code", "Error"),
    ]
    return Table(
        columns,
        rows,
        f"Outages, at most {_ROWS_MAX}; all are in the file",
        kind="outage",
        key="key",
        empty="Nothing was down in this time.",
        exports=view.exports("/v1/outages"),
    )


def _gaps(view: View, documents: Sequence[dict[str, Any]]) -> Table:
    rows = [
        {
            **each,
            "key": f"{each['evse_uid']} {each['kind']} {each['from']}",
            "what": each["kind"].replace("_", " ").lower(),
            "risk_kwh": None if each["risk_kwh"] is None else _short(Decimal(each["risk_kwh"]), 1),
        }
        for each in documents
    ]
    columns = [
        Column("location_id", "Site", "id"),
        Column("evse_uid", "EVSE", "id"),
        Column("what", "What"),
        Column("from", "From", "time"),
        Column("to", "To", "time"),
        Column("risk_kwh", "At risk", "number", unit="kWh"),
        Column("messages", "Messages", "number"),
        Column("session_id", "Session", "id", lambda row: _session(view, row)),
    ]
    return Table(
        columns,
        rows,
        f"Messages that never came, registers that jumped, readings that stopped: at most {_ROWS_MAX}",
        kind="gap",
        key="key",
        empty="Nothing is missing in this time.",
        exports=view.exports("/v1/gaps"),
    )


def _session(view: View, row: Mapping[str, Any]) -> str | None:
    return view.link("/sessions", row["session_id"]) if row["session_id"] else None


def _success(view: View, documents: Sequence[dict[str, Any]]) -> Table:
    shares = ("success_rate", "first_time_rate")
    rows = [
        {
            **each,
            **{name: _short(Decimal(each[name]) * 100, 1) if each[name] is not None else None for name in shares},
        }
        for each in documents
    ]
    columns = [
        Column("operator_id", "Operator", "id"),
        Column("location_id", "Site", "id"),
        Column("attempts", "Attempts", "number"),
        Column("succeeded", "Came to something", "number"),
        Column("success_rate", "Success rate", "number", unit="%"),
        Column("visits", "Visits", "number"),
        Column("first_time", "At the first attempt", "number"),
        Column("first_time_rate", "First-time success", "number", unit="%"),
    ]
    caption = "Attempts to charge that began in this time"
    return Table(columns, rows, caption, kind="attempts", key="location_id", empty="Nobody tried to charge.")


ROUTES = (uptime,)
