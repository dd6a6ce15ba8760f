"""Who asks."""

from typing import Annotated

from starlette.responses import Response

from api.access.roles import Right
from api.call import Call, plain_call_for
from api.resource import answers, resources

router = resources("me")


@router.get(
    "/me",
    summary="Who asks",
    responses=answers({"principal": "key:k7Qm2", "role": "operator", "operators": ["OP-NL"]}),
)
async def me(call: Annotated[Call, plain_call_for(Right.SELF)]) -> Response:
    """The principal of the credential that came with the request."""
    who = call.principal
    return call.json({"principal": who.name, "role": who.duty.value, "operators": list(who.operators)})
