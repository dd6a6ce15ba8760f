"""Forms about refused records: sent again as they came, mended, and all of a code."""

from starlette.responses import Response

from api.access.roles import Right
from api.actions.bodies import Edited, OfCode
from api.pages.forms import Sent, form
from api.pages.page import PageCall
from api.pages.subjects.dead_letters import dead_letter, dead_letters
from api.v1.replays import replay_code, replay_letter


@form("/dead-letters/{deadletter_id}/replay", Right.REPLAY, dead_letter, "replay")
async def replay(call: PageCall, sent: Sent) -> Response:
    """As it came."""
    body = sent.body(Edited, reason=sent.text("reason"))
    return await replay_letter(call.path["deadletter_id"], body, call, sent.asked)


@form("/dead-letters/{deadletter_id}/mend", Right.REPLAY, dead_letter, "mend")
async def mend(call: PageCall, sent: Sent) -> Response:
    """With a new text in its place, which is checked before it is sent."""
    body = sent.body(Edited, reason=sent.text("reason"), value=sent.fields.get("value", ""))
    return await replay_letter(call.path["deadletter_id"], body, call, sent.asked)


@form("/dead-letters/replay", Right.REPLAY, dead_letters, "replay-code")
async def replay_all(call: PageCall, sent: Sent) -> Response:
    """All of a code that were not sent again."""
    body = sent.body(OfCode, code=sent.text("code"), reason=sent.text("reason"))
    return await replay_code(body, call, sent.asked)


ROUTES = (replay, mend, replay_all)
