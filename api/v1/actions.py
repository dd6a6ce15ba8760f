"""What became of an action."""

from typing import Annotated

from starlette.responses import Response

from api.access.roles import Right
from api.actions.described import TAKEN_EXAMPLE
from api.actions.followed import followed, kept_action, reading_hers
from api.call import Call, plain_call_for
from api.parameters import Identifier
from api.problems import not_found
from api.resource import answers, resources
from api.shapes import Loose

router = resources("actions")

_EXAMPLE = Loose(
    TAKEN_EXAMPLE | {"type": "payout.approved", "subject": "0d6c1a52-2a0f-5a3b-9a0e-0f0f6c6a1d11"},
    optional=("position", "detail", "type", "subject"),
)


@router.get("/actions/{action_id}", summary="An action", responses=answers(_EXAMPLE, 404))
async def get_action(action_id: Identifier, call: Annotated[Call, plain_call_for(Right.SELF)]) -> Response:
    """What became of an action: `PUBLISHED`, `TAKEN` (with its `position`) or `REFUSED` (with the reason, `detail`).

    `UNKNOWN`: it was begun, and whether it is published is not known; asking again by its `Idempotency-Key` does it
    once in either case.
    """
    id_, kept = await kept_action(call, action_id)
    reading = call if kept is None else reading_hers(call)
    return await reading.answer(lambda snapshot: followed(snapshot, id_, kept), not_found("action", action_id))
