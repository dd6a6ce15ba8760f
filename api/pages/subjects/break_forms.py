"""The form on a finding's page: who looks after it."""

from starlette.responses import Response

from api.access.roles import Right
from api.actions.bodies import Assignment
from api.pages.forms import Sent, form
from api.pages.page import PageCall
from api.pages.subjects.breaks import one_break
from api.v1.finding_actions import assign_finding


@form("/breaks/{finding_id}/assign", Right.ASSIGN, one_break, "assign")
async def assign(call: PageCall, sent: Sent) -> Response:
    """An owner, and what she is to know."""
    body = sent.body(Assignment, owner=sent.text("owner"), note=sent.text("note"))
    return await assign_finding(call.path["finding_id"], body, call, sent.asked)


ROUTES = (assign,)
