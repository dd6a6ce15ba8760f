"""Ends a subscription by the link of a mail: a page with a button for people, one click for mailboxes (RFC 8058).

Nobody signs in for it: the link itself says who may. A GET changes nothing: mailboxes look at links by themselves.
"""

import asyncio
from datetime import UTC, datetime
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api.access.gate import Gate
from api.outward.phrases import language_of, phrase
from api.outward.unsubscribing import PARAMETER, PATH, Ending, Links
from api.pages.page import answered_form, bare_view
from api.pages.rendering import render
from api.problems import Problem
from ledger.access import notice_targets, notices
from ledger.access.notice_targets import NoticeTarget

_REASON: Final = "its reader unsubscribed"
_NO_LINK: Final = "This link ends no subscription; open it as it stands in the mail, or ask whom the mail is from."


async def _show(request: Request) -> Response:
    return await answered_form(request, PATH, _asked(request))


async def _end(request: Request) -> Response:
    return await answered_form(request, PATH, _ended(request))


async def _asked(request: Request) -> Response:
    gate, ending = _link(request)
    target = await asyncio.to_thread(_find, gate, ending)
    return _page(request, target, is_over=not target.is_enabled or not ending.is_of(target.subscription.target))


async def _ended(request: Request) -> Response:
    gate, ending = _link(request)
    target = await asyncio.to_thread(_disable, gate, ending)
    return _page(request, target, is_over=True)


def _link(request: Request) -> tuple[Gate, Ending]:
    """Who keeps subscriptions, and which one the link ends. Raises Problem 404."""
    surface = request.app.state.surface
    if surface.gate is None:
        raise Problem(404, "not_found", _NO_LINK)
    links = Links(surface.gate.settings.seal, surface.public_url)
    ending = links.ending(request.query_params.get(PARAMETER, ""))
    if ending is None:
        raise Problem(404, "not_found", _NO_LINK)
    return surface.gate, ending


def _find(gate: Gate, ending: Ending) -> NoticeTarget:
    with gate.door.transaction() as cursor:
        found = notice_targets.find(cursor, ending.target_id)
    if found is None:
        raise Problem(404, "not_found", _NO_LINK)
    return found


def _disable(gate: Gate, ending: Ending) -> NoticeTarget:
    """Tell it nothing more, if it still goes where the mail went; again is the same."""
    found = _find(gate, ending)
    if ending.is_of(found.subscription.target):
        with gate.door.transaction() as cursor:
            notices.disable(cursor, ending.target_id, _REASON, datetime.now(UTC))
    return found


def _page(request: Request, target: NoticeTarget, *, is_over: bool) -> Response:
    language = language_of(target.subscription.language, target.country)
    named = {"operator": target.operator_name, "subscription": target.subscription_id}
    made = render(
        "unsubscribe.html",
        bare_view(request),
        language=language,
        say=lambda name: phrase(language, f"page:{name}", **named),
        is_over=is_over,
        action=f"{PATH}?{request.scope['query_string'].decode('latin-1')}",
    )
    made.headers["Referrer-Policy"] = "no-referrer"
    return made


ROUTES = [
    Route(PATH, _show, methods=["GET"]),
    Route(PATH, _end, methods=["POST"]),
]
