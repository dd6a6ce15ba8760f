"""What is proposed about money and decided by somebody else: adjustments and write-offs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from starlette.responses import Response

from api.access.roles import Right
from api.actions.asked import ASKED, Asked
from api.actions.bodies import Because, NewAdjustment, NewWriteOff, Verdict
from api.actions.conditions import decided_upon, refuse
from api.actions.described import acts
from api.actions.desk import Plan, desk_of
from api.actions.four_eyes import decides_once, refuse_maker, refuse_no_person, refused_before
from api.actions.moments import now_text
from api.call import Call, plain_call_for
from api.parameters import Identifier
from api.problems import Problem, not_found
from api.resource import resources
from domain.matter.judgement import MatterKind
from domain.money import parse_minor
from ledger.access.actions import action_id
from projections.decidable import matter_objection
from projections.documents.matters import adjustment_document, write_off_document
from projections.matters import MatterRow, find_matter
from projections.operators import operator
from projections.reading import Snapshot
from projections.write_offs import why_too_much

router = resources("adjustments")


@dataclass(frozen=True, slots=True)
class _Matter:
    """A kind of what is proposed and decided: how it is called, its field of an id, its document."""

    kind: MatterKind
    name: str
    what: str
    document: Callable[[MatterRow], dict[str, Any]]

    @property
    def field(self) -> str:
        """The field of its id."""
        return f"{self.name}_id"


_ADJUSTMENT: Final = _Matter(MatterKind.ADJUSTMENT, "adjustment", "adjustment", adjustment_document)
_WRITE_OFF: Final = _Matter(MatterKind.WRITE_OFF, "write_off", "write-off", write_off_document)


@router.post("/adjustments", summary="Propose an adjustment", **acts())
async def propose_adjustment(
    body: NewAdjustment, call: Annotated[Call, plain_call_for(Right.PROPOSE)], asked: Asked = ASKED
) -> Response:
    """Nothing is posted before somebody else approves it. Its id is the action's."""
    return await _propose(call, asked, _ADJUSTMENT, body.model_dump() | {"proposed_at": now_text()}, body.operator_id)


@router.post("/write-offs", summary="Propose a write-off", **acts())
async def propose_write_off(
    body: NewWriteOff, call: Annotated[Call, plain_call_for(Right.PROPOSE)], asked: Asked = ASKED
) -> Response:
    """Nothing is posted before somebody else approves it. Its id is the action's."""

    def ask(snapshot: Snapshot) -> str | None:
        currency = body.amount.currency
        return why_too_much(snapshot.cursor, body.account, currency, parse_minor(body.amount.amount, currency))

    data = body.model_dump() | {"at": now_text()}
    return await _propose(call, asked, _WRITE_OFF, data, too_much=ask)


@router.post("/adjustments/{adjustment_id}/approve", summary="Approve an adjustment", **acts(decides=True))
async def approve_adjustment(
    adjustment_id: Identifier,
    body: Verdict,
    call: Annotated[Call, plain_call_for(Right.DECIDE)],
    asked: Asked = ASKED,
) -> Response:
    """It is booked at this moment, and is a line of the next run. Never by who proposed it."""
    return await _decide(call, asked, _ADJUSTMENT, adjustment_id, "approved", body.reason)


@router.post("/adjustments/{adjustment_id}/reject", summary="Reject an adjustment", **acts(decides=True))
async def reject_adjustment(
    adjustment_id: Identifier,
    body: Because,
    call: Annotated[Call, plain_call_for(Right.DECIDE)],
    asked: Asked = ASKED,
) -> Response:
    """Nothing is booked."""
    return await _decide(call, asked, _ADJUSTMENT, adjustment_id, "rejected", body.reason)


@router.post("/write-offs/{write_off_id}/approve", summary="Approve a write-off", **acts(decides=True))
async def approve_write_off(
    write_off_id: Identifier,
    body: Verdict,
    call: Annotated[Call, plain_call_for(Right.DECIDE)],
    asked: Asked = ASKED,
) -> Response:
    """It is booked at this moment. Never by who proposed it."""
    return await _decide(call, asked, _WRITE_OFF, write_off_id, "approved", body.reason)


@router.post("/write-offs/{write_off_id}/reject", summary="Reject a write-off", **acts(decides=True))
async def reject_write_off(
    write_off_id: Identifier,
    body: Because,
    call: Annotated[Call, plain_call_for(Right.DECIDE)],
    asked: Asked = ASKED,
) -> Response:
    """Nothing is booked."""
    return await _decide(call, asked, _WRITE_OFF, write_off_id, "rejected", body.reason)


async def _propose(
    call: Call,
    asked: Asked,
    of: _Matter,
    data: Mapping[str, Any],
    operator_id: str | None = None,
    too_much: Callable[[Snapshot], str | None] | None = None,
) -> Response:
    desk, id_ = desk_of(call), str(action_id(call.principal.name, asked.key))

    async def plan() -> Plan:
        if operator_id is not None:
            known = await call.read(lambda snapshot: operator(snapshot.cursor, operator_id) is not None)
            if not known:
                raise _unknown_operator(operator_id)
        told = {**data, of.field: id_}
        type_ = f"{of.name}.proposed"
        deed = desk.decision(call, asked, type_, told, subject=id_, operator_id=operator_id)
        detail = await call.read(too_much) if too_much else None
        if detail is not None:
            raise Problem(422, "refused", f"/amount: {detail}", [{"pointer": "/amount", "detail": detail}])
        return Plan(deed)

    return await desk.act(call, asked, plan)


async def _decide(call: Call, asked: Asked, of: _Matter, id_: str, verdict: str, reason: str | None) -> Response:
    refuse_no_person(call.principal)
    desk, type_ = desk_of(call), f"{of.name}.{verdict}"
    verdicts = (f"{of.name}.approved", f"{of.name}.rejected")

    def ask(snapshot: Snapshot) -> Mapping[str, Any] | None:
        found = find_matter(snapshot.cursor, of.kind, id_)
        return of.document(found) if found else None

    async def plan() -> Plan:
        found = await decided_upon(call, asked, ask, not_found(of.what, id_))
        refuse_maker(call.principal, found["proposed_by"])
        refuse(matter_objection(of.what, id_, found["state"]))
        if type_ == "write_off.approved":
            await call.read(lambda snapshot: _refuse_too_much(snapshot, found))
        refused = await call.read(lambda snapshot: refused_before(snapshot, id_, verdicts))
        data = {of.field: id_, "at": now_text(), "reason": reason}
        deed = desk.decision(call, asked, type_, data, subject=id_, operator_id=found["operator_id"])
        return Plan(deed, decides_once(call.principal, id_, f"{of.name}.proposed", verdicts, refused))

    return await desk.act(call, asked, plan)


def _refuse_too_much(snapshot: Snapshot, found: Mapping[str, Any]) -> None:
    """Raises Problem 409 where less is left by now than was proposed to be written off."""
    currency = found["amount"]["currency"]
    amount = parse_minor(found["amount"]["amount"], currency)
    detail = why_too_much(snapshot.cursor, found["account"], currency, amount)
    if detail is not None:
        raise Problem(409, "other_state", f"{detail} by now: reject it, and propose what is left")


def _unknown_operator(operator_id: str) -> Problem:
    detail = f"no operator {operator_id[:64]!r} is known"
    return Problem(422, "refused", f"/operator_id: {detail}", [{"pointer": "/operator_id", "detail": detail}])
