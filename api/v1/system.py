"""The state of the system: what runs, how far everything is, what waits, and when the book was verified."""

from typing import Annotated, Any

from starlette.responses import Response

from api.access.roles import Right
from api.call import Call, plain_call_for
from api.problems import Problem
from api.resource import answers, resources
from api.shapes import Keyed
from projections.documents.system_state import state_document
from projections.queries import totals
from projections.reading import Snapshot
from projections.system_state import state_within

router = resources("system")

_TALLY = {"accepted": 4690, "duplicates": 14, "conflicts": 1, "dead_lettered": 6}
_EXAMPLE: dict[str, Any] = {
    "at": "2026-04-01T07:00:00Z",
    "pieces": [
        {
            "piece": "intake",
            "host": "settle-1",
            "pid": 4211,
            "state": "alive",
            "started_at": "2026-04-01T05:00:00Z",
            "age_s": 7200.0,
            "last_sign_at": "2026-04-01T06:59:58Z",
            "last_sign_s": 2.0,
        }
    ],
    "events": 13204,
    "entries": 5210,
    "rates": {"seconds": 60.0, "records_per_s": 12.5, "entries_per_s": 30.25},
    "intake": {
        **_TALLY,
        "partitions": [
            {
                "topic": "charging.sessions",
                "partition": 0,
                "next_offset": 4711,
                "event_time": "2026-04-01T06:59:50Z",
                **_TALLY,
            }
        ],
    },
    "projections": [{"name": "payouts", "position": 13204, "events_behind": 0, "seconds_behind": 0.0}],
    "outbox": {"waiting": 2, "oldest_at": "2026-04-01T06:59:59Z", "oldest_s": 1.2},
    "dead_letters": {"waiting": 1, "newest_at": "2026-03-25T10:00:00Z", "newest_s": 594000.0},
    "findings": Keyed({"CAPTURE_DIFFERS": 2}),
    "open_items": Keyed({"1105": 31}),
    "sessions": Keyed({"RATED": 594, "OPEN": 1, "SUSPENSE": 1}),
    "payouts": Keyed({"PAID": 71, "TO_APPROVE": 4}),
    "runs": [
        {
            "operator_id": "OP-NL",
            "last_date": "2026-03-31",
            "last_at": "2026-03-31T21:00:00Z",
            "next_at": "2026-04-01T21:00:00Z",
            "due": False,
        }
    ],
    "totals": {"sessions_rated": 594, "sessions_open": 1, "sessions_in_suspense": 1, "cdrs": 601, "payouts": 76},
    "verified": {
        "at": "2026-04-01T04:58:00Z",
        "age_s": 7320.0,
        "seconds": 3.1,
        "passed": True,
        "findings": 0,
        "checks": [{"name": "sums", "severity": "error", "examined": 5210, "found": 0}],
    },
}


@router.get("/system", summary="The state of the system", responses=answers(_EXAMPLE))
async def get_system(call: Annotated[Call, plain_call_for(Right.SYSTEM)]) -> Response:
    """Pieces, positions and lag of each projection and partition, totals, what waits, and the last verification."""

    def ask(snapshot: Snapshot) -> dict[str, Any]:
        return {**state_document(state_within(snapshot.cursor)), "totals": totals(snapshot.cursor)}

    return await call.answer(ask, Problem(503, "unavailable", "the state is not known"))
