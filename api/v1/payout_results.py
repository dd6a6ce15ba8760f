"""Results of payouts, from a processor that has no way to Kafka."""

from typing import Annotated, Any, Final

from fastapi import Body
from starlette.responses import Response

from api.access.principal import Principal
from api.access.roles import Right
from api.actions.asked import ASKED, Asked
from api.actions.described import acts
from api.actions.desk import Plan, desk_of
from api.call import Call, plain_call_for
from api.problems import Problem
from api.resource import resources

router = resources("payout results")

RESULTS: Final = ("payout.accepted", "payout.paid", "payout.failed", "payout.returned")
_EXAMPLE: Final = {
    "specversion": "1.0",
    "id": "4711",
    "source": "acme-bank",
    "type": "payout.paid",
    "subject": "0d6c1a52-2a0f-5a3b-9a0e-0f0f6c6a1d11",
    "time": "2026-03-22T09:00:00Z",
    "data": {"payout_id": "0d6c1a52-2a0f-5a3b-9a0e-0f0f6c6a1d11", "at": "2026-03-22T09:00:00Z"},
}


@router.post("/payout-results", summary="Tell what became of a payout", **acts())
async def post_result(
    event: Annotated[dict[str, Any], Body(examples=[_EXAMPLE])],
    call: Annotated[Call, plain_call_for(Right.RESULTS)],
    asked: Asked = ASKED,
) -> Response:
    """One CloudEvent, taken as it would be from Kafka. Its `source` is the key's own: its name, or `key:ID`.

    The same `source` and `id` twice are one message, whatever the `Idempotency-Key`. A key that is made in place of
    another one, with its name, goes on with its source.
    """
    type_, source = event.get("type"), event.get("source")
    if type_ not in RESULTS:
        raise _refused("/type", f"is no result of a payout: send one of {', '.join(RESULTS)}")
    own = _own_sources(call.principal)
    if source not in own:
        raise Problem(
            403,
            "other_source",
            f"/source: is not this key's own, by which others' messages are told from its: it is {' or '.join(own)}",
            [{"pointer": "/source", "detail": f"is not this key's own: {' or '.join(own)}"}],
        )
    desk = desk_of(call)

    async def plan() -> Plan:
        data = event.get("data")
        subject = str(data.get("payout_id")) if isinstance(data, dict) else ""
        return Plan(desk.deed(event, subject=subject))

    return await desk.act(call, asked, plan)


def _own_sources(principal: Principal) -> list[str]:
    names = (principal.key_name, f"key:{principal.key_id}" if principal.key_id else None, principal.name)
    return list(dict.fromkeys(name for name in names if name))


def _refused(pointer: str, detail: str) -> Problem:
    return Problem(422, "refused", f"{pointer}: {detail}", [{"pointer": pointer, "detail": detail}])
