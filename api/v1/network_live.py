"""The network as it is now: each EVSE, its state since when, its session, and its last sign of life."""

from typing import Annotated, Any

from fastapi import Depends, Query
from starlette.responses import Response

from api.access.roles import Right
from api.call import Call, plain_call_for
from api.exports import FormParameter, Table, listed
from api.parameters import Identifier, PageRequest, page_request
from api.resource import answers, resources
from api.shapes import Loose
from api.tables import amounts, numbers, texts, times
from projections.documents.live_network import OF_SESSIONS, live_evse_document
from projections.network.live import LiveFilter, LiveState, live_network
from projections.reading import Snapshot

router = resources("network")

TABLE = Table(
    "network",
    (
        *texts("operator_id", "location_id", "evse_uid"),
        *numbers("power_w"),
        *texts("state"),
        *times("since"),
        *texts("status"),
        *times("status_at", "last_sign_at"),
        *numbers("heartbeat_interval_s"),
        *texts("session_id", "session_state"),
        *times("session_started_at", "session_heard_at"),
        *numbers("energy_wh"),
        *texts("currency"),
        *amounts("net", "gross"),
    ),
)
_EXAMPLE = {
    "operator_id": "OP-NL",
    "location_id": "NL-A7",
    "evse_uid": "NL-A7-2",
    "power_w": "150000",
    "state": "UP",
    "since": "2026-03-18T00:02:00Z",
    "status": "AVAILABLE",
    "status_at": "2026-03-18T00:02:00Z",
    "last_sign_at": "2026-03-27T14:44:00Z",
    "heartbeat_interval_s": 3600,
    "session_id": "S-3001",
    "session_state": "CHARGING",
    "session_started_at": "2026-03-27T14:20:00Z",
    "session_heard_at": "2026-03-27T14:44:00Z",
    "energy_wh": "21600",
    "currency": "EUR",
    "net": "13.18",
    "gross": "15.94",
}
_NULLABLE = ("power_w", "since", "status", "status_at", "last_sign_at", "heartbeat_interval_s", *OF_SESSIONS)


@router.get(
    "/network",
    summary="The network as it is now",
    responses=answers(
        {"data": [Loose(_EXAMPLE, nullable=_NULLABLE)], "next_cursor": None, "as_of": {}},
        files=True,
    ),
)
async def network(
    call: Annotated[Call, plain_call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    operator_id: Annotated[Identifier | None, Query(description="Only this operator's")] = None,
    location_id: Annotated[Identifier | None, Query(description="Only those of this location")] = None,
    state: Annotated[LiveState | None, Query(description="Only those in this state")] = None,
    form: FormParameter = None,
) -> Response:
    """EVSEs that were published or heard of, by operator, location and EVSE.

    SILENT is one of which nothing was heard for more than three intervals of its heartbeats. A session that runs
    there has its energy and what it costs so far, up to the last that was heard of it.
    """
    wanted = LiveFilter(operator_id, location_id, state)

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        keys = page.keys(str, str, str)
        after = (keys[0], keys[1], keys[2]) if keys else None
        evses = live_network(snapshot.cursor, wanted, limit=page.limit + 1, after=after).evses
        shown = evses[: page.limit]
        cursor = page.cursor(*shown[-1].place) if evses[page.limit :] else None
        return [live_evse_document(each) for each in shown], cursor

    return await listed(call, page, form, TABLE, ask)
