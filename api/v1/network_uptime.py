"""Uptime: how long EVSEs were in service, down and excluded; each outage; gaps in what chargers told."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, TypeAlias

from fastapi import Depends, Query
from starlette.responses import Response

from api.access.roles import Right
from api.call import Call, plain_call_for
from api.day_or_moment import Evse, Location, Operator, Since, Until, asked_for
from api.exports import FormParameter, Table, listed
from api.parameters import PageRequest, page_request
from api.resource import answers, resources
from api.shapes import Loose
from api.tables import Column, Kind, numbers, texts, times
from domain.network.uptime import CAUSES
from projections.documents.gaps import gap_document
from projections.documents.uptime import outage_documents, sum_documents, uptime_document
from projections.network.gaps import gaps
from projections.network.horizon import network_horizon
from projections.network.uptime import EvseUptime, uptimes
from projections.reading import Snapshot

router = resources("network")

Documents: TypeAlias = Iterable[dict[str, Any]]

_PLACE = ("operator_id", "location_id", "evse_uid")
TABLE = Table(
    "uptime",
    (
        *texts(*_PLACE),
        *times("from", "to"),
        *texts("status"),
        *times("silent_since"),
        *numbers("evses", "in_service_s", "blocked_s", "outage_s", "excluded_s"),
        *(Column(f"excluded_{cause}_s", Kind.NUMBER, f"excluded_by_cause_s.{cause}") for cause in CAUSES),
        *numbers("outages", "uptime", "uptime_nevi", "of_365_days", "not_above_97"),
    ),
)
OUTAGES = Table(
    "outages",
    (
        *texts(*_PLACE),
        *times("from", "to"),
        *numbers("outage_s", "silent_s", "excluded_s"),
        *texts("status", "error_code"),
    ),
)
GAPS = Table(
    "gaps",
    (
        *texts(*_PLACE, "kind"),
        *times("from", "to"),
        *numbers("risk_kwh", "messages"),
        *texts("session_id"),
    ),
)
_KEYS = {"operator_id": "OP-NL", "location_id": "LOC-1", "evse_uid": "NL*GRL*E1"}
_OF_EVSE = {
    "from": "2026-03-01T00:00:00Z",
    "to": "2026-03-21T10:00:00Z",
    "status": "AVAILABLE",
    "silent_since": None,
    "excluded_by_cause_s": Loose(dict.fromkeys(CAUSES, 3600), optional=CAUSES),
    "uptime_nevi": "99.315068",
}
_OF_SEVERAL = {"evses": 2, "of_365_days": 1, "not_above_97": 0}
_EXAMPLE = Loose(
    {
        **_KEYS,
        **_OF_EVSE,
        **_OF_SEVERAL,
        "in_service_s": 1764000,
        "blocked_s": 600,
        "outage_s": 7200,
        "excluded_s": 3600,
        "outages": 2,
        "uptime": "0.997959",
    },
    optional=("location_id", "evse_uid", *_OF_EVSE, *_OF_SEVERAL),
    nullable=("status", "silent_since", "uptime", "uptime_nevi"),
)
_PART = Loose(
    {
        "from": "2026-03-02T10:00:00Z",
        "to": "2026-03-02T11:00:00Z",
        "cause": "UTILITY",
        "evidence": "https://grid.example/outages/7",
    },
    nullable=("evidence",),
)
_OUTAGE = Loose(
    {
        **_KEYS,
        "from": "2026-03-02T09:30:00Z",
        "to": "2026-03-02T11:30:00Z",
        "outage_s": 7200,
        "silent_s": 0,
        "excluded_s": 3600,
        "status": "OUTOFORDER",
        "error_code": "GroundFailure",
        "explained": [_PART],
    },
    nullable=("to", "status", "error_code"),
)


_GAP = Loose(
    {
        **_KEYS,
        "kind": "READINGS_STOP",
        "from": "2026-03-02T09:30:00Z",
        "to": "2026-03-02T10:10:00Z",
        "risk_kwh": "4.2",
        "messages": 3,
        "session_id": "S-1001",
    },
    nullable=("to", "risk_kwh", "messages", "session_id"),
)


class By(StrEnum):
    """What sums of uptime are by."""

    EVSE = "evse"
    SITE = "site"
    OPERATOR = "operator"


@router.get(
    "/uptime",
    summary="Uptime of EVSEs",
    responses=answers({"data": [_EXAMPLE], "next_cursor": None, "as_of": {}}, files=True),
)
async def list_uptime(
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    operator_id: Operator = None,
    location_id: Location = None,
    evse_uid: Evse = None,
    since: Since = None,
    until: Until = None,
    by: Annotated[By, Query(description="Sums by evse, site or operator")] = By.EVSE,
    form: FormParameter = None,
) -> Response:
    """Whole seconds; `uptime` is (in service - (outage - excluded)) / in service.

    `uptime_nevi` is that of 23 CFR 680.116(b), in percent, of the last 365 days of the span, null where it has fewer.
    An EVSE is down while INOPERATIVE, OUTOFORDER or UNKNOWN, and from its last message on while it is silent for more
    than three intervals of its heartbeats. Without `from` from the first message of each on, without `to` up to the
    last of all.
    """
    asked = asked_for(operator_id, location_id, since, until)

    def all_of(snapshot: Snapshot) -> Documents:
        found = _found(snapshot, lambda until: uptimes(snapshot.cursor, asked, until, evse_uid))
        return map(uptime_document, found) if by is By.EVSE else sum_documents(found, by_site=by is By.SITE)

    return await listed(call, page, form, TABLE, _paged(all_of, _PLACE), all_of)


@router.get(
    "/outages",
    summary="Outages of EVSEs",
    responses=answers({"data": [_OUTAGE], "next_cursor": None, "as_of": {}}, files=True),
)
async def list_outages(
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    operator_id: Operator = None,
    location_id: Location = None,
    evse_uid: Evse = None,
    since: Since = None,
    until: Until = None,
    form: FormParameter = None,
) -> Response:
    """Each outage within the span, with the parts of it that are explained; `to` is null while it goes on."""
    asked = asked_for(operator_id, location_id, since, until)

    def all_of(snapshot: Snapshot) -> Documents:
        found = _found(snapshot, lambda until: uptimes(snapshot.cursor, asked, until, evse_uid))
        return (document for each in found for document in outage_documents(each))

    return await listed(call, page, form, OUTAGES, _paged(all_of, (*_PLACE, "from")), all_of)


@router.get(
    "/gaps",
    summary="Gaps in what chargers told",
    responses=answers({"data": [_GAP], "next_cursor": None, "as_of": {}}, files=True),
)
async def list_gaps(
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    operator_id: Operator = None,
    location_id: Location = None,
    evse_uid: Evse = None,
    since: Since = None,
    until: Until = None,
    form: FormParameter = None,
) -> Response:
    """Heartbeats missing by their numbers, registers that jumped between sessions of a plug, readings that stopped.

    Each with the kWh that flowed meanwhile, by the registers around it.
    """
    asked = asked_for(operator_id, location_id, since, until)

    def all_of(snapshot: Snapshot) -> Documents:
        horizon = network_horizon(snapshot.cursor)
        found = gaps(snapshot.cursor, asked, horizon) if horizon is not None else ()
        named = evse_uid.casefold() if evse_uid is not None else None
        return (gap_document(each) for each in found if named in (None, each.evse_uid.casefold()))

    return await listed(call, page, form, GAPS, _paged(all_of, (*_PLACE, "from", "kind", "session_id")), all_of)


def _found(snapshot: Snapshot, ask: Callable[[datetime], list[EvseUptime]]) -> list[EvseUptime]:
    horizon = network_horizon(snapshot.cursor)
    return ask(horizon) if horizon is not None else []


def _paged(
    all_of: Callable[[Snapshot], Documents], names: tuple[str, ...]
) -> Callable[[Snapshot, PageRequest], tuple[Sequence[dict[str, Any]], str | None]]:
    """Pages of a list in the order of these fields."""

    def place(document: dict[str, Any]) -> tuple[str, ...]:
        return tuple(document.get(name) or "" for name in names)

    return lambda snapshot, page: page.part(sorted(all_of(snapshot), key=place), place, *[str] * len(names))
