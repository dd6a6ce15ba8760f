"""One site and what it may draw: the limits in force with their circuits, what flows now, and its quarter hours."""

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, TypeAlias

from fastapi import Depends, Query
from starlette.responses import Response

from api.access.roles import Right
from api.call import Call, plain_call_for
from api.day_or_moment import Since, Until, asked_for
from api.exports import FormParameter, Table, listed
from api.parameters import Identifier, PageRequest, page_request
from api.problems import bad_parameter, not_found
from api.resource import answers, resources
from api.shapes import Loose
from api.tables import numbers, texts, times
from domain.calendar import utc_text
from projections.documents.site_load import against_limit_document, site_load_document
from projections.network.asked import Site
from projections.network.site_limits import sites_named
from projections.network.site_now import against_limit, site_now
from projections.reading import Snapshot

router = resources("network")

OfOperator: TypeAlias = Annotated[
    Identifier | None, Query(description="Of this operator, where several have a site of this id")
]

QUARTERS = Table(
    "load-against-limit",
    (
        *texts("operator_id", "location_id"),
        *times("start"),
        *numbers("limit_kw", "kw", "measured_kw", "above_kw", "sessions"),
    ),
)
_EVSE = Loose({"evse_uid": "NL-A7-1", "phases": 3, "voltage_v": "230"}, nullable=("voltage_v",))
_CIRCUIT = Loose(
    {"circuit_id": "row", "parent": "feed", "max_a": "63", "max_w": "43000", "evse_uids": [_EVSE]},
    nullable=("parent", "max_a", "max_w"),
)
_LIMIT = Loose(
    {
        "reason": "GRID",
        "mode": "MAX_MIN",
        "effective_from": "2026-03-01T00:00:00Z",
        "effective_to": "2027-03-01T00:00:00Z",
        "told_at": "2026-02-20T09:00:00Z",
        "limit_kw": "276",
        "step_a": "1",
        "circuits": [_CIRCUIT],
    },
    nullable=("effective_to", "limit_kw", "step_a"),
)
_CAR = Loose(
    {
        "session_id": "S-3001",
        "evse_uid": "NL-A7-1",
        "started_at": "2026-03-27T14:20:00Z",
        "limit_a": "16",
        "phases": 3,
        "why": "LIMITED:row",
        "valid_from": "2026-03-27T14:40:00Z",
        "answer": "ACCEPTED",
        "drawn_a": "15.9",
        "may_draw_a": "16",
    },
    nullable=("limit_a", "phases", "why", "valid_from", "answer", "drawn_a", "may_draw_a"),
)
_MISSED = Loose(
    {
        "circuit_id": "feed",
        "from": "2026-03-26T17:00:00Z",
        "to": "2026-03-26T17:01:00Z",
        "over_a": "2.5",
        "over_w": 600,
    },
    nullable=("over_a", "over_w"),
)
_NOW = Loose(
    {
        "operator_id": "OP-NL",
        "location_id": "NL-A7",
        "time_zone": "Europe/Amsterdam",
        "at": "2026-03-27T14:44:00Z",
        "is_managed": True,
        "why_not": "No limit is in force: what cars draw here is not managed.",
        "limit_kw": "276",
        "measured_kw": "143.2",
        "measured_at": "2026-03-27T14:43:00Z",
        "limits": [_LIMIT],
        "sessions": [_CAR],
        "missed": [_MISSED],
    },
    nullable=("at", "why_not", "limit_kw", "measured_kw", "measured_at"),
)
_QUARTER = Loose(
    {
        "operator_id": "OP-NL",
        "location_id": "NL-A7",
        "start": "2026-03-20T08:15:00Z",
        "limit_kw": "276",
        "kw": "221.2",
        "measured_kw": "230.4",
        "above_kw": "0",
        "sessions": 4,
    },
    nullable=("limit_kw", "measured_kw", "above_kw"),
)


@router.get("/load/{location_id}", summary="A site against its limit", responses=answers(_NOW, 404, etag=True))
async def one_site(
    location_id: Identifier,
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    operator_id: OfOperator = None,
) -> Response:
    """The limits in force, of each reason the one that began last, and the tree of circuits of each.

    All of them are kept; `limit_kw` is the lowest, of its circuits that are part of no other, those in A at three
    phases of the lowest voltage that is told, else 230 V. `measured_kw` is the mean between the last two readings
    of the site's meter that are no more than an hour apart. A site without a limit is not managed, and says so.
    `sessions` are those not over, with what each may draw in each phase and why: MAXIMUM, SATISFIED, PAUSED or
    LIMITED and the circuit; `missed` are the limits missed last, with `to` null for one that still is.
    """
    return await call.answer(
        lambda snapshot: site_load_document(site_now(snapshot.cursor, the_site(snapshot, location_id, operator_id))),
        not_found("site", location_id),
    )


@router.get(
    "/load/{location_id}/quarters",
    summary="Quarter hours of a site against its limit",
    responses=answers({"data": [_QUARTER], "next_cursor": None, "as_of": {}}, 404, files=True),
)
async def list_quarters(
    location_id: Identifier,
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    operator_id: OfOperator = None,
    since: Since = None,
    until: Until = None,
    form: FormParameter = None,
) -> Response:
    """Mean power of sessions and by the meter, and the mean of the limit that was in force, in order of time."""
    asked = asked_for(operator_id, location_id, since, until)

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        site = the_site(snapshot, location_id, operator_id)
        keys: Any = page.keys(datetime)
        found = against_limit(
            snapshot.cursor,
            site,
            replace(asked, operator_id=site.operator_id),
            page.limit + 1,
            keys[0] if keys else None,
        )
        shown = [against_limit_document(each) for each in found[: page.limit]]
        last = found[page.limit - 1].load.start if found[page.limit :] else None
        return shown, page.cursor(utc_text(last)) if last else None

    return await listed(call, page, form, QUARTERS, ask)


def the_site(snapshot: Snapshot, location_id: str, operator_id: str | None) -> Site:
    """The site that is meant. Raises Problem 404 where there is none, and 400 where it may be several operators'."""
    found = sites_named(snapshot.cursor, location_id, operator_id)
    if not found:
        raise not_found("site", location_id)
    if len(found) > 1:
        raise bad_parameter("operator_id", "is missing: several operators have a site of this id; say whose is meant")
    return found[0]
