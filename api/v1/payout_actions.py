"""What is decided about payouts: approved, rejected, sent again; and all of them stopped and resumed."""

from collections.abc import Mapping
from typing import Annotated, Any

from starlette.responses import Response

from api.access.roles import Right
from api.actions.asked import ASKED, Asked
from api.actions.bodies import Approval, Because, Rejection
from api.actions.conditions import decided_upon, refuse
from api.actions.described import acts
from api.actions.desk import Plan, desk_of
from api.actions.four_eyes import APPROVED, approves_once, changes_by, is_changer, refuse_no_person, refused_before
from api.actions.moments import now_text
from api.call import Call, plain_call_for
from api.parameters import Identifier
from api.problems import Problem, not_found
from api.resource import resources
from api.v1.payouts import one_payout
from projections.decidable import payout_objection
from projections.queries import payout_id_as_written
from projections.reading import Snapshot

router = resources("payouts")


@router.post("/payouts/stop", summary="Stop all payouts", **acts())
async def stop_payouts(
    body: Because, call: Annotated[Call, plain_call_for(Right.STOP)], asked: Asked = ASKED
) -> Response:
    """All runs and hand-offs stop at once, a run in progress between two payouts."""
    return await _switch(call, asked, "payouts.stopped", body)


@router.post("/payouts/resume", summary="Resume payouts", **acts())
async def resume_payouts(
    body: Because, call: Annotated[Call, plain_call_for(Right.RESUME)], asked: Asked = ASKED
) -> Response:
    """Runs that were missed are made, each with its own business date. Only people resume what was stopped."""
    refuse_no_person(call.principal)
    return await _switch(call, asked, "payouts.resumed", body)


@router.post("/payouts/{payout_id}/approve", summary="Approve a payout", **acts(decides=True))
async def approve_payout(
    payout_id: Identifier,
    body: Approval,
    call: Annotated[Call, plain_call_for(Right.DECIDE)],
    asked: Asked = ASKED,
) -> Response:
    """With as many different people as its amount asks for it goes out, to the account and for what they saw.

    Who changed the operator's terms or account within 7 days does not approve it (403), nor the same person twice.
    """
    refuse_no_person(call.principal)
    desk, id_ = desk_of(call), payout_id_as_written(payout_id)

    async def plan() -> Plan:
        found = await _decided_upon(call, asked, id_, body.content_hash)
        operator_id = found["operator_id"]
        changed, refused = await call.read(
            lambda snapshot: (
                changes_by(snapshot, call.principal, operator_id),
                refused_before(snapshot, id_, [APPROVED]),
            )
        )
        if changed:
            raise is_changer(call.principal, operator_id)
        data = {"payout_id": id_, "content_hash": body.content_hash, "approved_at": now_text()}
        deed = desk.decision(call, asked, APPROVED, data, subject=id_, operator_id=operator_id)
        return Plan(deed, approves_once(call.principal, (id_, operator_id), body.content_hash, refused))

    return await desk.act(call, asked, plan)


@router.post("/payouts/{payout_id}/reject", summary="Reject a payout", **acts(decides=True))
async def reject_payout(
    payout_id: Identifier,
    body: Rejection,
    call: Annotated[Call, plain_call_for(Right.DECIDE)],
    asked: Asked = ASKED,
) -> Response:
    """It goes out to nobody, and what it would have paid is free for the next run."""
    refuse_no_person(call.principal)
    desk, id_ = desk_of(call), payout_id_as_written(payout_id)

    async def plan() -> Plan:
        found = await _decided_upon(call, asked, id_, body.content_hash)
        data = {"payout_id": id_, "content_hash": body.content_hash, "rejected_at": now_text(), "reason": body.reason}
        operator_id = found["operator_id"]
        return Plan(desk.decision(call, asked, "payout.rejected", data, subject=id_, operator_id=operator_id))

    return await desk.act(call, asked, plan)


@router.post("/payouts/{payout_id}/retry", summary="Send a failed payout again", **acts(decides=True))
async def retry_payout(
    payout_id: Identifier,
    body: Because,
    call: Annotated[Call, plain_call_for(Right.PROPOSE)],
    asked: Asked = ASKED,
) -> Response:
    """One that failed and waits for a person goes out again at the next run."""
    desk, id_ = desk_of(call), payout_id_as_written(payout_id)

    async def plan() -> Plan:
        found = await decided_upon(call, asked, lambda snapshot: one_payout(snapshot, id_), _missing(payout_id))
        data = {"payout_id": id_, "at": now_text(), "reason": body.reason}
        refuse(payout_objection("payout.retried", found["status"], found["content_hash"], data))
        operator_id = found["operator_id"]
        return Plan(desk.decision(call, asked, "payout.retried", data, subject=id_, operator_id=operator_id))

    return await desk.act(call, asked, plan)


async def _decided_upon(call: Call, asked: Asked, id_: str, content_hash: str) -> Mapping[str, Any]:
    """The payout that waits for a decision. Raises Problem 409 for another state, and for another content."""

    def ask(snapshot: Snapshot) -> Mapping[str, Any] | None:
        return one_payout(snapshot, id_)

    found = await decided_upon(call, asked, ask, _missing(id_))
    told = {"payout_id": id_, "content_hash": content_hash}
    refuse(payout_objection(APPROVED, found["status"], found["content_hash"], told))
    return found


async def _switch(call: Call, asked: Asked, type_: str, body: Because) -> Response:
    desk = desk_of(call)

    async def plan() -> Plan:
        data = {"at": now_text(), "reason": body.reason}
        return Plan(desk.decision(call, asked, type_, data, subject="payouts"))

    return await desk.act(call, asked, plan)


def _missing(id_: str) -> Problem:
    return not_found("payout", id_)
