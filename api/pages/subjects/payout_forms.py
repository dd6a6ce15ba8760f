"""Forms about payouts: approved, rejected and sent again on a payout's page; all stopped and resumed on health's."""

from starlette.responses import Response

from api.access.roles import Right
from api.actions.bodies import Approval, Because, Rejection
from api.pages.forms import Sent, form
from api.pages.page import PageCall
from api.pages.subjects.health import health
from api.pages.subjects.payout import payout
from api.v1.payout_actions import approve_payout, reject_payout, resume_payouts, retry_payout, stop_payouts


@form("/payouts/{payout_id}/approve", Right.DECIDE, payout, "approve")
async def approve(call: PageCall, sent: Sent) -> Response:
    """What she saw, by its content hash and its tag."""
    body = sent.body(Approval, content_hash=sent.text("content_hash"))
    return await approve_payout(call.path["payout_id"], body, call, sent.asked)


@form("/payouts/{payout_id}/reject", Right.DECIDE, payout, "reject")
async def reject(call: PageCall, sent: Sent) -> Response:
    """The same, and why."""
    body = sent.body(Rejection, content_hash=sent.text("content_hash"), reason=sent.text("reason"))
    return await reject_payout(call.path["payout_id"], body, call, sent.asked)


@form("/payouts/{payout_id}/retry", Right.PROPOSE, payout, "retry")
async def retry(call: PageCall, sent: Sent) -> Response:
    """One that failed or came back."""
    body = sent.body(Because, reason=sent.text("reason"))
    return await retry_payout(call.path["payout_id"], body, call, sent.asked)


@form("/health/stop", Right.STOP, health, "stop")
async def stop(call: PageCall, sent: Sent) -> Response:
    """All payouts at once."""
    return await stop_payouts(sent.body(Because, reason=sent.text("reason")), call, sent.asked)


@form("/health/resume", Right.RESUME, health, "resume")
async def resume(call: PageCall, sent: Sent) -> Response:
    """What was stopped."""
    return await resume_payouts(sent.body(Because, reason=sent.text("reason")), call, sent.asked)


ROUTES = (approve, reject, retry, stop, resume)
