"""Verification of payee: whether banks check the payees of payments that come together in a file."""

from typing import Annotated, Any

from starlette.responses import Response

from api.access.roles import Right
from api.actions.asked import ASKED, Asked
from api.actions.bodies import Because
from api.actions.conditions import refuse_changed
from api.actions.described import acts
from api.actions.desk import Plan, desk_of
from api.actions.four_eyes import refuse_no_person
from api.actions.moments import now_text
from api.call import Call, plain_call_for
from api.problems import not_found
from api.resource import answers, resources
from api.shapes import Loose
from projections.documents.payee_checks import opt_out_document
from projections.payee_checks import OPTED_IN, OPTED_OUT, bulk_opt_out
from projections.reading import Snapshot

router = resources("payouts")

_EXAMPLE = Loose(
    {
        "opted_out": True,
        "since": "2026-03-10T10:10:00Z",
        "by": "Anna",
        "reason": "files of payouts are checked by us beforehand",
    },
    nullable=("since", "by", "reason"),
)


@router.get(
    "/payee-checks",
    summary="Whether payees of payments in files are checked",
    responses=answers(_EXAMPLE, etag=True, description="What the company decided last."),
)
async def payee_checks(call: Annotated[Call, plain_call_for(Right.BOOK)]) -> Response:
    """Whether banks are not asked about payments that come together in a file, since when, by whom and why."""
    return await call.answer(opted, not_found("decision", "payee-checks"))


def opted(snapshot: Snapshot) -> dict[str, Any]:
    """The same as a document, whose tag a decision names."""
    return opt_out_document(bulk_opt_out(snapshot.cursor))


@router.post("/payee-checks/opt-out", summary="Have payees of payments in files not checked", **acts())
async def opt_out(
    body: Because, call: Annotated[Call, plain_call_for(Right.DECIDE)], asked: Asked = ASKED
) -> Response:
    """A company's decision. Payouts to an account that a bank knows under another name wait for two all the same."""
    return await _decide(call, asked, OPTED_OUT, body)


@router.post("/payee-checks/opt-in", summary="Have payees of payments in files checked again", **acts())
async def opt_in(
    body: Because, call: Annotated[Call, plain_call_for(Right.DECIDE)], asked: Asked = ASKED
) -> Response:
    """From now on."""
    return await _decide(call, asked, OPTED_IN, body)


async def _decide(call: Call, asked: Asked, type_: str, body: Because) -> Response:
    refuse_no_person(call.principal)
    desk = desk_of(call)

    async def plan() -> Plan:
        refuse_changed(asked, await call.read(opted))
        data = {"at": now_text(), "reason": body.reason}
        return Plan(desk.decision(call, asked, type_, data, subject="payee-checks"))

    return await desk.act(call, asked, plan)
