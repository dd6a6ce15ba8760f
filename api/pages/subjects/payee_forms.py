"""Forms about verification of payee, on health's page: payees of payments in files not checked, and checked again."""

from starlette.responses import Response

from api.access.roles import Right
from api.actions.bodies import Because
from api.pages.forms import Sent, form
from api.pages.page import PageCall
from api.pages.subjects.health import health
from api.v1.payee_checks import opt_in, opt_out


@form("/health/payee-checks/opt-out", Right.DECIDE, health, "opt-out")
async def out(call: PageCall, sent: Sent) -> Response:
    """From now on."""
    return await opt_out(sent.body(Because, reason=sent.text("reason")), call, sent.asked)


@form("/health/payee-checks/opt-in", Right.DECIDE, health, "opt-in")
async def back_in(call: PageCall, sent: Sent) -> Response:
    """As before."""
    return await opt_in(sent.body(Because, reason=sent.text("reason")), call, sent.asked)


ROUTES = (out, back_in)
