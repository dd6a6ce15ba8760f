"""Load of sites: energy by quarter hour, day or site beside what meters say, monthly peaks, and what is left out."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, TypeAlias

from fastapi import Depends, Query
from starlette.responses import Response

from api.access.roles import Right
from api.call import Call, plain_call_for
from api.day_or_moment import Location, Operator, Since, Until, asked_for
from api.exports import FormParameter, Table, listed
from api.parameters import PageRequest, page_request
from api.resource import answers, resources
from api.shapes import Loose
from api.tables import dates, numbers, texts, times
from domain.calendar import utc_text
from projections.documents.load import left_out_document, load_document, peak_document
from projections.network.horizon import network_horizon
from projections.network.load import By, Load, Peak, left_out, peaks, quarters, sums
from projections.reading import Snapshot

router = resources("network")

Documents: TypeAlias = Iterable[dict[str, Any]]

_METER = ("measured_wh", "other_wh", "unexplained_wh")
_WHOSE = ("operator_id", "location_id")
TABLE = Table(
    "load", (*texts(*_WHOSE), *times("start"), *dates("date"), *numbers("energy_wh", "kw", "sessions", *_METER))
)
PEAKS = Table(
    "load-peaks",
    (
        *texts(*_WHOSE, "month", "time_zone"),
        *numbers("energy_wh"),
        *times("peak_start"),
        *numbers("peak_wh", "peak_kw", "load_factor"),
        *times("measured_peak_start"),
        *numbers("measured_peak_kw"),
    ),
)
LEFT_OUT = Table(
    "load-left-out",
    (*texts("session_id", *_WHOSE, "evse_uid", "connector_id"), *times("started_at", "ended_at"), *texts("reason")),
)
_QUARTER = {"start": "2026-03-20T08:15:00Z", "kw": "21.2", "sessions": 2}
_EXAMPLE = Loose(
    {
        "operator_id": "OP-NL",
        "location_id": "LOC-1",
        **_QUARTER,
        "date": "2026-03-20",
        "energy_wh": "5300",
        "measured_wh": "6100.5",
        "other_wh": "800.5",
        "unexplained_wh": "0",
    },
    optional=(*_QUARTER, "date"),
    nullable=_METER,
)
_PEAK = Loose(
    {
        "operator_id": "OP-NL",
        "location_id": "LOC-1",
        "month": "2026-03",
        "time_zone": "Europe/Amsterdam",
        "energy_wh": "1204300.5",
        "peak_start": "2026-03-20T08:15:00Z",
        "peak_wh": "5300",
        "peak_kw": "21.2",
        "load_factor": "0.076347",
        "measured_peak_start": "2026-03-20T08:15:00Z",
        "measured_peak_kw": "24.402",
    },
    nullable=("peak_start", "peak_wh", "peak_kw", "load_factor", "measured_peak_start", "measured_peak_kw"),
)
_LEFT_OUT = Loose(
    {
        "session_id": "S-2043",
        "operator_id": "OP-NL",
        "location_id": "LOC-1",
        "evse_uid": "NL*GRL*E1",
        "connector_id": "1",
        "started_at": "2026-03-19T06:12:00Z",
        "ended_at": "2026-03-19T06:51:00Z",
        "reason": "POWER_ABOVE_CONNECTOR",
    },
    nullable=("operator_id", "location_id", "evse_uid", "connector_id", "started_at", "ended_at"),
)


@router.get(
    "/load",
    summary="Load of sites",
    responses=answers({"data": [_EXAMPLE], "next_cursor": None, "as_of": {}}, files=True),
)
async def list_load(
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    operator_id: Operator = None,
    location_id: Location = None,
    since: Since = None,
    until: Until = None,
    by: Annotated[By, Query(description="By quarter hour, local day, or site")] = By.QUARTER,
    form: FormParameter = None,
) -> Response:
    """Wh of sessions, rated or not, open ones up to their last reading; those without energy have no line.

    Between two registers energy is spread evenly over the seconds in which the session was CHARGING. `measured_wh` is
    what the site's meter imported, of quarter hours that its readings cover; `other_wh` is the rest of it, never
    below 0, and `unexplained_wh` by how much sessions took more.
    """
    asked = asked_for(operator_id, location_id, since, until)
    if by is not By.QUARTER:

        def some(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
            shown, following = page.part(sums(snapshot.cursor, asked, by), _place, str, str, str)
            return [load_document(each) for each in shown], following

        def summed(snapshot: Snapshot) -> Documents:
            return map(load_document, sums(snapshot.cursor, asked, by))

        return await listed(call, page, form, TABLE, some, summed)

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        keys: Any = page.keys(str, str, datetime)
        found = quarters(snapshot.cursor, asked, page.limit + 1, keys)
        last = found[page.limit - 1] if found[page.limit :] else None
        cursor = None
        if last is not None and last.start is not None:
            cursor = page.cursor(last.site.operator_id, last.site.location_key, utc_text(last.start))
        return [load_document(each) for each in found[: page.limit]], cursor

    def all_of(snapshot: Snapshot) -> Documents:
        return map(load_document, quarters(snapshot.cursor, asked))

    return await listed(call, page, form, TABLE, ask, all_of)


@router.get(
    "/load/peaks",
    summary="Monthly peaks of sites",
    responses=answers({"data": [_PEAK], "next_cursor": None, "as_of": {}}, files=True),
)
async def list_peaks(
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    operator_id: Operator = None,
    location_id: Location = None,
    since: Since = None,
    until: Until = None,
    form: FormParameter = None,
) -> Response:
    """Of each local month that the span touches the highest quarter hour, of equals the first.

    `peak_kw` is Wh x 4 / 1000; `load_factor` is mean / peak kW, the mean over the quarter hours of the month that
    began.
    """
    asked = asked_for(operator_id, location_id, since, until)

    def found(snapshot: Snapshot) -> list[Peak]:
        return peaks(snapshot.cursor, asked, network_horizon(snapshot.cursor))

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        shown, following = page.part(found(snapshot), _place, str, str, str)
        return [peak_document(each) for each in shown], following

    return await listed(call, page, form, PEAKS, ask, lambda snapshot: map(peak_document, found(snapshot)))


@router.get(
    "/load/left-out",
    summary="Sessions that are in no figure of energy",
    responses=answers({"data": [_LEFT_OUT], "next_cursor": None, "as_of": {}}, files=True),
)
async def list_left_out(
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    operator_id: Operator = None,
    location_id: Location = None,
    since: Since = None,
    until: Until = None,
    form: FormParameter = None,
) -> Response:
    """By session: its register falls, its power is above the published connector, or its reports contradict others.

    A span is of their starts; a session without one is in none.
    """
    asked = asked_for(operator_id, location_id, since, until)

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        shown, following = page.part(left_out(snapshot.cursor, asked), lambda each: (each.session_id,), str)
        return [left_out_document(each) for each in shown], following

    def all_of(snapshot: Snapshot) -> Documents:
        return map(left_out_document, left_out(snapshot.cursor, asked))

    return await listed(call, page, form, LEFT_OUT, ask, all_of)


def _place(found: Load | Peak) -> tuple[str, str, str]:
    day = found.day if isinstance(found, Load) else found.month
    return found.site.operator_id, found.site.location_key, day.isoformat() if day is not None else ""
