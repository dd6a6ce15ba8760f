"""Forms about adjustments and write-offs: proposed in the list, approved and rejected on their pages."""

from starlette.responses import Response

from api.access.roles import Right
from api.actions.bodies import Because, NewAdjustment, NewWriteOff, Verdict
from api.pages.forms import Sent, form
from api.pages.page import PageCall
from api.pages.subjects.adjustments import adjustment, adjustments, write_off, write_offs
from api.v1.adjustment_actions import (
    approve_adjustment,
    approve_write_off,
    propose_adjustment,
    propose_write_off,
    reject_adjustment,
    reject_write_off,
)


@form("/adjustments/propose", Right.PROPOSE, adjustments, "propose")
async def propose_one(call: PageCall, sent: Sent) -> Response:
    """A new adjustment."""
    fields = ("operator_id", "direction", "reason_code", "note", "session_id", "attachment_sha256")
    body = sent.body(NewAdjustment, amount=sent.money(), **{name: sent.text(name) for name in fields})
    return await propose_adjustment(body, call, sent.asked)


@form("/adjustments/{adjustment_id}/approve", Right.DECIDE, adjustment, "approve")
async def approve_one(call: PageCall, sent: Sent) -> Response:
    """As it was read."""
    body = sent.body(Verdict, reason=sent.text("reason"))
    return await approve_adjustment(call.path["adjustment_id"], body, call, sent.asked)


@form("/adjustments/{adjustment_id}/reject", Right.DECIDE, adjustment, "reject")
async def reject_one(call: PageCall, sent: Sent) -> Response:
    """With why."""
    body = sent.body(Because, reason=sent.text("reason"))
    return await reject_adjustment(call.path["adjustment_id"], body, call, sent.asked)


@form("/write-offs/propose", Right.PROPOSE, write_offs, "propose")
async def propose_other(call: PageCall, sent: Sent) -> Response:
    """A new write-off."""
    fields = ("account", "reason_code", "note", "session_id", "invoice_id")
    body = sent.body(NewWriteOff, amount=sent.money(), **{name: sent.text(name) for name in fields})
    return await propose_write_off(body, call, sent.asked)


@form("/write-offs/{write_off_id}/approve", Right.DECIDE, write_off, "approve")
async def approve_other(call: PageCall, sent: Sent) -> Response:
    """As it was read."""
    body = sent.body(Verdict, reason=sent.text("reason"))
    return await approve_write_off(call.path["write_off_id"], body, call, sent.asked)


@form("/write-offs/{write_off_id}/reject", Right.DECIDE, write_off, "reject")
async def reject_other(call: PageCall, sent: Sent) -> Response:
    """With why."""
    body = sent.body(Because, reason=sent.text("reason"))
    return await reject_write_off(call.path["write_off_id"], body, call, sent.asked)


ROUTES = (propose_one, approve_one, reject_one, propose_other, approve_other, reject_other)
