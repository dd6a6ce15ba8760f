"""Use of EVSEs: the seconds they were occupied and charging, their energy and money, in sums by what is asked."""

from datetime import date
from operator import attrgetter
from typing import Annotated, Any

from fastapi import Depends, Query
from starlette.responses import Response

from api.access.roles import Right
from api.call import Call, plain_call_for
from api.day_or_moment import days
from api.exports import FormParameter, Table, listed
from api.parameters import AS_A_DAY, Identifier, PageRequest, page_request
from api.problems import bad_parameter
from api.resource import answers, resources
from api.shapes import Loose
from api.tables import amounts, dates, numbers, texts
from projections.documents.use import SECONDS, UTILISATIONS, use_document
from projections.network.horizon import network_horizon
from projections.network.use import UseAsked, by_of, use_of
from projections.reading import Snapshot

router = resources("network")

_FIGURES = ("evses", *SECONDS, "energy_wh", "sessions", *UTILISATIONS, "idle_share", "at_once", "peak_use")
TABLE = Table(
    "use",
    (
        *texts("operator_id", "location_id", "evse_uid", "channel"),
        *dates("date"),
        *texts("month"),
        *numbers(*_FIGURES),
        *texts("currency"),
        *amounts("net", "share", "net_per_service_hour", "net_per_occupied_hour"),
    ),
)
_MONEY = {
    "currency": "EUR",
    "ended": 87,
    "net": "355.08",
    "share": "397.48",
    "net_per_service_hour": "0.133082",
    "net_per_occupied_hour": "0.813356",
}
_KEYS = {
    "operator_id": "OP-NL",
    "location_id": "LOC-1",
    "evse_uid": "NL*GRL*E1",
    "channel": "direct",
    "date": "2026-03-20",
    "month": "2026-03",
}
_EXAMPLE: dict[str, Any] = Loose(
    {
        **_KEYS,
        "evses": 11,
        "in_service_s": 9605281,
        "occupied_s": 1571621,
        "charging_s": 809087,
        "idle_s": 762534,
        "energy_wh": "732025",
        "sessions": 87,
        "time_utilisation": "0.163621",
        "charging_utilisation": "0.084234",
        "energy_utilisation": "0.012471",
        "idle_share": "0.485189",
        "at_once": 7,
        "peak_use": "0.636364",
        "currency": "EUR",
        "net": "355.08",
        "share": "397.48",
        "net_per_service_hour": "0.133082",
        "net_per_occupied_hour": "0.813356",
        "money": [Loose(_MONEY, nullable=("net_per_service_hour", "net_per_occupied_hour"))],
    },
    optional=tuple(name for name in _KEYS if name != "operator_id"),
    nullable=(
        *UTILISATIONS,
        *("idle_share", "at_once", "peak_use", "currency", "net", "share"),
        *("net_per_service_hour", "net_per_occupied_hour"),
    ),
)


@router.get(
    "/use",
    summary="Use of EVSEs",
    responses=answers({"data": [_EXAMPLE], "next_cursor": None, "as_of": {}}, files=True),
)
async def use(
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    operator_id: Annotated[Identifier | None, Query(description="Of this operator")] = None,
    location_id: Annotated[Identifier | None, Query(description="Of this site")] = None,
    evse_uid: Annotated[Identifier | None, Query(description="Of this EVSE")] = None,
    since: Annotated[date | None, Query(alias="from", description="From this day of the site on"), AS_A_DAY] = None,
    until: Annotated[date | None, Query(alias="to", description="Up to the end of this day"), AS_A_DAY] = None,
    by: Annotated[
        str, Query(max_length=40, description="site, evse, channel, day, month, or several: evse,day")
    ] = "",
    form: FormParameter = None,
) -> Response:
    """Seconds in service, occupied, charging and idle, Wh, sessions, and three utilisations that are named as such.

    `time_utilisation` is occupied / in service, `charging_utilisation` charging / in service, `energy_utilisation`
    the Wh of what the published power would deliver in that time: null where none is published. By operator, and by
    what `by` names; its fields are left out where it is not by them. Money is of the sessions that ended.
    """
    try:
        keys = by_of(by)
    except ValueError as error:
        raise bad_parameter("by", str(error)) from None
    asked = UseAsked(operator_id, location_id, evse_uid, *days(since, until), keys)

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        found = use_of(snapshot.cursor, asked, network_horizon(snapshot.cursor))
        shown, following = page.part(found, attrgetter("order"), str, str, str, str, str)
        return [use_document(each, keys) for each in shown], following

    return await listed(call, page, form, TABLE, ask)
