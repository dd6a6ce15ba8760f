"""What being seen by partners goes along with: sessions by channel, and EVSEs that no partner can see."""

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
from api.resource import answers, resources
from api.shapes import Loose
from api.tables import amounts, numbers, texts
from projections.documents.visibility import channel_document, unseen_document
from projections.network.horizon import network_horizon
from projections.network.use import UseAsked
from projections.network.visibility import channels, unseen_evses
from projections.reading import Snapshot

router = resources("network")

_DRIVERS = ("sessions_of_known_drivers", "new_drivers", "new_driver_share")
CHANNELS = Table(
    "visibility",
    (
        *texts("operator_id", "channel"),
        *numbers("sessions", "energy_wh"),
        *texts("currency"),
        *amounts("net", "margin"),
        *numbers("days_to_cash", *_DRIVERS),
    ),
)
_OWN = ("currency", "net", "net_per_service_hour")
_OTHERS = tuple(f"comparable_{name}" for name in _OWN)
UNSEEN = Table(
    "unseen-evses",
    (
        *texts("operator_id", "location_id", "evse_uid", "reason", "sentence", "power_class"),
        *numbers("in_service_s", "sessions", "energy_wh"),
        *texts("currency"),
        *amounts("net", "net_per_service_hour"),
        *numbers("comparable_evses", "comparable_sessions", "comparable_in_service_s"),
        *texts("comparable_currency"),
        *amounts("comparable_net", "comparable_net_per_service_hour"),
        *texts("note"),
    ),
)
_CHANNEL: dict[str, Any] = Loose(
    {
        "operator_id": "OP-NL",
        "channel": "DE-ABC",
        "sessions": 87,
        "energy_wh": "732025",
        "currency": "EUR",
        "net": "355.08",
        "margin": "101.20",
        "days_to_cash": "2.6",
        "sessions_of_known_drivers": 80,
        "new_drivers": 12,
        "new_driver_share": "0.15",
        "money": [
            Loose(
                {
                    "currency": "EUR",
                    "ended": 87,
                    "net": "355.08",
                    "share": "397.48",
                    "net_per_service_hour": "0.133082",
                    "net_per_occupied_hour": "0.813356",
                },
                nullable=("net_per_service_hour", "net_per_occupied_hour"),
            )
        ],
    },
    nullable=("currency", "net", "margin", "days_to_cash", "new_driver_share"),
)
_UNSEEN: dict[str, Any] = Loose(
    {
        "operator_id": "OP-NL",
        "location_id": "LOC-1",
        "evse_uid": "NL*GRL*E1",
        "reason": "WITHHELD",
        "sentence": "it lacks coordinates",
        "power_class": "AC medium, 7.4 to 22 kW",
        "in_service_s": 2592000,
        "sessions": 12,
        "energy_wh": "120000",
        "currency": "EUR",
        "net": "60",
        "net_per_service_hour": "0.083333",
        "comparable_evses": 9,
        "comparable_sessions": 171,
        "comparable_in_service_s": 23328000,
        "comparable_currency": "EUR",
        "comparable_net": "812.5",
        "comparable_net_per_service_hour": "0.125386",
        "note": "No cause is claimed.",
    },
    nullable=(*_OWN, *_OTHERS),
)


async def span_asked(
    operator_id: Annotated[Identifier | None, Query(description="Of this operator")] = None,
    since: Annotated[date | None, Query(alias="from", description="From this day of the site on"), AS_A_DAY] = None,
    until: Annotated[date | None, Query(alias="to", description="Up to the end of this day"), AS_A_DAY] = None,
) -> UseAsked:
    """A dependency: whose use is asked for, and of which days."""
    first, last = days(since, until)
    return UseAsked(operator_id, first=first, last=last)


@router.get(
    "/visibility",
    summary="Sessions, energy, money and new drivers by channel",
    responses=answers({"data": [_CHANNEL], "next_cursor": None, "as_of": {}}, files=True),
)
async def visibility(
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    asked: Annotated[UseAsked, Depends(span_asked)],
    form: FormParameter = None,
) -> Response:
    """By operator and channel: `direct`, where the driver pays, or the partner that pays.

    `new_driver_share` is the share of sessions whose driver the operator never had before, among those whose driver
    is known by a token. `margin` is null where a cost is not declared; `days_to_cash` is the median, by amount, from
    plug-out to the bank, null while nothing was paid.
    """

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        found = channels(snapshot.cursor, asked, network_horizon(snapshot.cursor))
        shown, following = page.part(found, attrgetter("use.key.operator_id", "use.key.channel"), str, str)
        return [channel_document(each) for each in shown], following

    return await listed(call, page, form, CHANNELS, ask)


@router.get(
    "/visibility/unseen",
    summary="EVSEs that no partner can see, and what comparable ones earned",
    responses=answers({"data": [_UNSEEN], "next_cursor": None, "as_of": {}}, files=True),
)
async def unseen(
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    asked: Annotated[UseAsked, Depends(span_asked)],
    form: FormParameter = None,
) -> Response:
    """EVSEs that are unpublished, withheld, or told to partners with an unknown status, as of now.

    Comparable ones are of the same operator and power class, and seen; how many they are, and how long they were in
    service, stands beside what they earned in the same days. No cause is claimed.
    """

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        found = unseen_evses(snapshot.cursor, asked, network_horizon(snapshot.cursor))
        shown, following = page.part(found, attrgetter("order"), str, str, str)
        return [unseen_document(each) for each in shown], following

    return await listed(call, page, form, UNSEEN, ask)
