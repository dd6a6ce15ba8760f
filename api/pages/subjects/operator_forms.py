"""Forms on an operator's page: its payouts held and released, its account proposed and confirmed."""

from typing import Any

from starlette.responses import Response

from api.access.roles import Right
from api.actions.bodies import AccountChange, Because
from api.pages.forms import Sent, form
from api.pages.page import PageCall
from api.pages.subjects.operators import operator_page
from api.v1.operator_actions import confirm_account, hold_payouts, propose_account, release_payouts

_ACCOUNT = ("holder", "iban", "bic", "account_number", "routing_code", "scheme")


@form("/operators/{operator_id}/hold", Right.PROPOSE, operator_page, "hold")
async def hold(call: PageCall, sent: Sent) -> Response:
    """Nothing is paid from the next run on."""
    return await hold_payouts(call.path["operator_id"], _because(sent), call, sent.asked)


@form("/operators/{operator_id}/release", Right.PROPOSE, operator_page, "release")
async def release(call: PageCall, sent: Sent) -> Response:
    """It is paid again."""
    return await release_payouts(call.path["operator_id"], _because(sent), call, sent.asked)


@form("/operators/{operator_id}/bank-account/propose", Right.PROPOSE, operator_page, "account")
async def propose(call: PageCall, sent: Sent) -> Response:
    """Another account."""
    return await propose_account(call.path["operator_id"], _account(sent), call, sent.asked)


@form("/operators/{operator_id}/bank-account/confirm", Right.DECIDE, operator_page, "account")
async def confirm(call: PageCall, sent: Sent) -> Response:
    """The account that somebody else proposed, stated again."""
    return await confirm_account(call.path["operator_id"], _account(sent), call, sent.asked)


def _because(sent: Sent) -> Because:
    return sent.body(Because, reason=sent.text("reason"))


def _account(sent: Sent) -> AccountChange:
    given: dict[str, Any] = {name: sent.text(name) for name in _ACCOUNT if sent.text(name) is not None}
    return sent.body(AccountChange, bank_account=given)


ROUTES = (hold, release, propose, confirm)
