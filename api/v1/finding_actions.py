"""Findings that somebody looks after."""

from typing import Annotated

from starlette.responses import Response

from api.access.roles import Right
from api.actions.asked import ASKED, Asked
from api.actions.bodies import Assignment
from api.actions.described import acts
from api.actions.desk import Plan, desk_of
from api.actions.moments import now_text
from api.call import Call, plain_call_for
from api.parameters import Identifier
from api.problems import not_found
from api.resource import resources
from projections.assignments import finding_of

router = resources("breaks")


@router.post("/findings/{finding_id}/assign", summary="Say who looks after a finding", **acts())
async def assign_finding(
    finding_id: Identifier,
    body: Assignment,
    call: Annotated[Call, plain_call_for(Right.ASSIGN)],
    asked: Asked = ASKED,
) -> Response:
    """`/v1/breaks` has the ids of what is open, with `owner` and `note` of who looks after it."""
    desk = desk_of(call)

    async def plan() -> Plan:
        found = await call.read(lambda snapshot: finding_of(snapshot.cursor, finding_id))
        if found is None:
            raise not_found("finding", finding_id)
        data = {
            "finding_id": finding_id,
            "kind": found.kind,
            "subject": found.subject,
            "owner": body.owner,
            "note": body.note,
            "at": now_text(),
        }
        return Plan(desk.decision(call, asked, "finding.assigned", data, subject=finding_id))

    return await desk.act(call, asked, plan)
