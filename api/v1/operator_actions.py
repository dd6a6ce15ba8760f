"""What is decided about an operator: its payouts held and released, its account, what is kept back for a while."""

from collections.abc import Mapping
from typing import Annotated, Any

from starlette.responses import Response

from api.access.roles import Right
from api.actions.asked import ASKED, Asked
from api.actions.bodies import AccountChange, Because, InstantPayout, MovedForBalance, Release, Reserve
from api.actions.conditions import refuse, refuse_changed
from api.actions.described import acts
from api.actions.desk import Plan, desk_of
from api.actions.four_eyes import decides_once, refuse_maker, refuse_no_person, refused_before
from api.actions.moments import now_text
from api.call import Call, plain_call_for
from api.parameters import Identifier
from api.problems import not_found
from api.resource import resources
from api.v1.operators import one_operator
from ledger.access.actions import action_id
from projections.decidable import objection
from projections.decisions import TAKEN, decisions_about
from projections.operators import operator
from projections.reading import Snapshot

router = resources("operators")

PROPOSED, CONFIRMED = "bank_account.proposed", "bank_account.confirmed"


@router.post("/operators/{operator_id}/hold", summary="Hold an operator's payouts", **acts())
async def hold_payouts(
    operator_id: Identifier,
    body: Because,
    call: Annotated[Call, plain_call_for(Right.PROPOSE)],
    asked: Asked = ASKED,
) -> Response:
    """Runs that fire while it is held pay nothing; its lines are carried."""
    data = {"reason": body.reason}
    return await _decide(call, asked, operator_id, "operator.payouts_held", data)


@router.post("/operators/{operator_id}/release", summary="Release an operator's payouts", **acts())
async def release_payouts(
    operator_id: Identifier,
    body: Because,
    call: Annotated[Call, plain_call_for(Right.PROPOSE)],
    asked: Asked = ASKED,
) -> Response:
    """From the next run on it is paid again, and what was carried with it."""
    data = {"reason": body.reason}
    return await _decide(call, asked, operator_id, "operator.payouts_released", data)


@router.post("/operators/{operator_id}/reserves", summary="Hold a reserve", **acts())
async def hold_reserve(
    operator_id: Identifier,
    body: Reserve,
    call: Annotated[Call, plain_call_for(Right.PROPOSE)],
    asked: Asked = ASKED,
) -> Response:
    """Keep back so much of what the operator is owed, apart from its rolling reserve. Its id is the action's."""
    data = body.model_dump() | {"hold_id": str(action_id(call.principal.name, asked.key))}
    return await _decide(call, asked, operator_id, "reserve.held", data)


@router.post("/operators/{operator_id}/reserves/{hold_id}/release", summary="Release a reserve", **acts())
async def release_reserve(
    operator_id: Identifier,
    hold_id: Identifier,
    body: Release,
    call: Annotated[Call, plain_call_for(Right.PROPOSE)],
    asked: Asked = ASKED,
) -> Response:
    """Give back what is held, or a part of it."""
    return await _decide(call, asked, operator_id, "reserve.released", body.model_dump() | {"hold_id": hold_id})


@router.post("/operators/{operator_id}/instant-payout", summary="Pay an operator at once", **acts())
async def pay_at_once(
    operator_id: Identifier,
    body: InstantPayout,
    call: Annotated[Call, plain_call_for(Right.PROPOSE)],
    asked: Asked = ASKED,
) -> Response:
    """What is available, for the fee of its terms, within limits and approvals as a run; its run pays the rest."""
    return await _decide(call, asked, operator_id, "payout.instant_requested", body.model_dump())


@router.post("/operators/{operator_id}/balance/funded", summary="Fund a balance below zero", **acts())
async def fund_balance(
    operator_id: Identifier,
    body: MovedForBalance,
    call: Annotated[Call, plain_call_for(Right.PROPOSE)],
    asked: Asked = ASKED,
) -> Response:
    """The platform moved money of its own to the account of client money, which may not be short."""
    return await _decide(call, asked, operator_id, "operator.balance_funded", body.model_dump())


@router.post("/operators/{operator_id}/balance/collected", summary="Collect a balance below zero", **acts())
async def collect_balance(
    operator_id: Identifier,
    body: MovedForBalance,
    call: Annotated[Call, plain_call_for(Right.PROPOSE)],
    asked: Asked = ASKED,
) -> Response:
    """The operator paid what it owed: the amount is its own again, and a line of its next run."""
    return await _decide(call, asked, operator_id, "operator.balance_collected", body.model_dump())


@router.post("/operators/{operator_id}/bank-account/propose", summary="Propose an account", **acts())
async def propose_account(
    operator_id: Identifier,
    body: AccountChange,
    call: Annotated[Call, plain_call_for(Right.PROPOSE)],
    asked: Asked = ASKED,
) -> Response:
    """It takes effect once somebody else has confirmed it and the cooling-off is over."""
    refuse_no_person(call.principal)
    return await _decide(call, asked, operator_id, PROPOSED, body.model_dump(exclude_none=True))


@router.post("/operators/{operator_id}/bank-account/confirm", summary="Confirm an account", **acts())
async def confirm_account(
    operator_id: Identifier,
    body: AccountChange,
    call: Annotated[Call, plain_call_for(Right.DECIDE)],
    asked: Asked = ASKED,
) -> Response:
    """The account that was proposed, stated again by somebody else, who had it from the operator by another way."""
    refuse_no_person(call.principal)
    desk = desk_of(call)

    async def plan() -> Plan:
        found, refused = await call.read(
            lambda snapshot: (
                _operator(snapshot, asked, operator_id),
                refused_before(snapshot, operator_id, [CONFIRMED]),
            )
        )
        refuse_maker(call.principal, found[1])
        data = body.model_dump(exclude_none=True) | {"operator_id": operator_id, "at": now_text()}
        deed = desk.decision(call, asked, CONFIRMED, data, subject=operator_id, operator_id=operator_id)
        return Plan(deed, decides_once(call.principal, operator_id, PROPOSED, [], refused))

    return await desk.act(call, asked, plan)


async def _decide(call: Call, asked: Asked, operator_id: str, type_: str, data: Mapping[str, Any]) -> Response:
    desk = desk_of(call)

    async def plan() -> Plan:
        await call.read(lambda snapshot: _operator(snapshot, asked, operator_id))
        told = {**data, "operator_id": operator_id, "at": now_text()}
        # First its form, which the contracts say.
        deed = desk.decision(call, asked, type_, told, subject=operator_id, operator_id=operator_id)
        refuse(await call.read(lambda snapshot: objection(snapshot.cursor, type_, told)))
        return Plan(deed)

    return await desk.act(call, asked, plan)


def _operator(snapshot: Snapshot, asked: Asked, operator_id: str) -> tuple[Mapping[str, Any], str | None]:
    """The operator, and who proposed its account last. Raises Problem 404, and 412 where it has changed."""
    found = operator(snapshot.cursor, operator_id)
    if found is None:
        raise not_found("operator", operator_id)
    document = one_operator(snapshot, found)
    refuse_changed(asked, document)
    proposals = decisions_about(snapshot.cursor, [operator_id], [PROPOSED])
    return document, next((each.decided_by for each in reversed(proposals) if each.state == TAKEN), None)
