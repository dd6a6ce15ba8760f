"""Forms by which people act: sent from a page, done once as over `/v1`, and shown again with what was wrong.

A form is declared beside its page, and calls the function of the resource that does the same:

    @form("/payouts/{payout_id}/approve", Right.DECIDE, payout, "approve")
    async def approve(call: PageCall, sent: Sent) -> Response:
        body = sent.body(Approval, content_hash=sent.text("content_hash"))
        return await approve_payout(call.path["payout_id"], body, call, sent.asked)

What is sent has the token of its reader's session, a key by which it acts once however often it is sent, and the tag
of what it is about as it was shown.
"""

import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import quote
from zoneinfo import ZoneInfo

import orjson
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from api.access.cookies import CSRF_FIELD
from api.access.principal import Principal
from api.access.roles import Right, asks, may
from api.actions.asked import Asked
from api.pages.format import zone_of
from api.pages.moments import moment_of
from api.pages.page import PageCall, PageRoute, answered_form, reader_for
from api.pages.view import Complaint
from api.parameters import SLASH_WITHIN, AsOf
from api.problems import Problem
from api.surface import Surface
from domain.calendar import utc_text

M = TypeVar("M", bound=BaseModel)

# The fields of every form beside the token: the key, and the tag of what is decided.
ONCE_FIELD: Final = "once"
TAG_FIELD: Final = "tag"
# For so long an answer waits to say what became of it.
_WAIT_S: Final = 3
_FIELDS_MAX: Final = 60
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sent:
    """What a form sent: its fields, and how the action is asked for."""

    fields: Mapping[str, str]
    asked: Asked

    def text(self, name: str) -> str | None:
        """A field without the space around it; None where nothing was written."""
        return self.fields.get(name, "").strip() or None

    def time(self, name: str) -> str | None:
        """A day, from its beginning on, or a time, in the zone that the form names; in UTC as a body has it.

        Raises Problem 422 for what is none.
        """
        text, shown_in = self.text(name), zone_of(self.text("in")) or ZoneInfo("UTC")
        try:
            found = moment_of(name, text, shown_in, begins=True) if text else None
        except Problem as wrong:
            detail = wrong.errors[0]["detail"]
            raise Problem(422, "refused", f"{name}: {detail}", [{"pointer": f"/{name}", "detail": detail}]) from None
        return utc_text(found) if found else None

    def agreed(self, name: str) -> None:
        """Raises Problem 422 unless a box was ticked."""
        if self.text(name) is None:
            errors = [{"pointer": f"/{name}", "detail": "Tick this first."}]
            raise Problem(422, "refused", "What was to be ticked is not.", errors)

    def money(self) -> dict[str, str]:
        """The fields `amount` and `currency` as a body has them."""
        return {"amount": self.text("amount") or "", "currency": (self.text("currency") or "").upper()}

    def body(self, model: type[M], **values: Any) -> M:
        """The body of a resource; values of None are left out. Raises Problem 422 where it takes no such ones."""
        return checked_body(model, **values)


def checked_body(model: type[M], **values: Any) -> M:
    """The body of a resource of what a form has; values of None are left out. Raises Problem 422."""
    try:
        return model(**{name: value for name, value in values.items() if value is not None})
    except ValidationError as error:
        raise _refused(error) from None


Act: TypeAlias = Callable[[PageCall, Sent], Awaitable[Response]]
# What is shown of what was done, made of the answer that a program would have.
Then: TypeAlias = Callable[[PageCall, Response], Awaitable[Response]]


async def to_action(_: PageCall, answer: Response) -> Response:
    """Leads to the page of the action, which says what became of it."""
    return led_to(f"/actions/{answer.headers['location'].rpartition('/')[2]}")


def led_to(address: str) -> Response:
    """Leads the browser to a page of ours, which it asks for anew."""
    return RedirectResponse(address, 303, {"Cache-Control": "no-store"})


def form(path: str, right: Right, of: PageRoute, name: str, then: Then = to_action) -> Callable[[Act], Route]:
    """Declares a form of a page: where it is sent, the right that it takes, its page, and its name there.

    Of several alike on one page the name has an id of the path in it, as `give-back-{hold_id}`.

    What was done leads to the action's page, or as `then` has it; what was not to its own again.
    """

    def declare(act: Act) -> Route:
        async def answer(request: Request) -> Response:
            return await answered_form(request, path, done(request))

        async def done(request: Request) -> Response:
            principal, fields = await _admitted(request, right)
            call = _call(request, principal, of)
            return await _done(call, fields, act, of, name, then)

        return Route(path, asks(right, answer), methods=["POST"], name=f"POST {path}")

    return declare


async def _admitted(request: Request, right: Right) -> tuple[Principal, dict[str, str]]:
    """Who sent a form of hers, and its fields. Raises Problem 401, 403, 404 and 415."""
    surface: Surface = request.app.state.surface
    if surface.gate is None:
        raise Problem(404, "not_found", "Nobody signs in here.")
    principal = await surface.authenticate(request)
    request.state.principal = principal
    if not may(principal.duty, right):
        raise Problem(
            403, "role_may_not", f"This takes the right to {right.value}, and role {principal.duty} has not."
        )
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/x-www-form-urlencoded":
        raise Problem(415, "no_form", "This takes what a form sends; load the page and send it from there.")
    sent = await request.form(max_fields=_FIELDS_MAX)
    surface.gate.cookies.check_token(request, sent.get(CSRF_FIELD))
    # Browsers end lines of a form as nobody else does.
    fields = {name: value.replace("\r\n", "\n") for name, value in sent.items() if isinstance(value, str)}
    return principal, fields


def _call(request: Request, principal: Principal, of: PageRoute) -> PageCall:
    reader, is_chosen = reader_for(request)
    at = of.path.format_map(_Escaped(request.path_params))
    surface: Surface = request.app.state.surface
    return PageCall(request, surface, principal, AsOf(), {}, reader, is_chosen, of.is_bounded, at=at)


class _Escaped(dict[str, Any]):
    """Parts of a path, each escaped as it stands in an address."""

    def __getitem__(self, name: str) -> str:
        return quote(str(super().__getitem__(name)).replace(SLASH_WITHIN, "/"), safe="")


async def _done(
    call: PageCall, fields: Mapping[str, str], act: Act, of: PageRoute, name: str, then: Then
) -> Response:
    """What is shown of what was done; where nothing came of it the form's page, which says why."""
    try:
        asked = _asked(call.request, fields)
        call.request.state.once = asked.key
        answer = await act(call, Sent(fields, asked))
    except Problem as problem:
        if problem.status == 401:
            raise
        named = name.format_map(call.path)
        call.complaint = Complaint(named, problem.status, problem.detail, errors_of(problem), fields)
        shown = await of.handler(call)
        shown.status_code = problem.status
        shown.headers.update(problem.headers)
        return shown
    return await then(call, answer)


def _asked(request: Request, fields: Mapping[str, str]) -> Asked:
    """How the action is asked for. Raises Problem 400 for a form without its key."""
    once = fields.get(ONCE_FIELD, "")
    if not (0 < len(once) <= 200 and once.isascii() and once.isprintable()):
        raise Problem(400, "no_idempotency_key", "The form has no key of its own: load the page again.")
    told = {name: value for name, value in fields.items() if name not in (CSRF_FIELD, ONCE_FIELD)}
    digest = hashlib.sha256(
        b"POST %s\n%s" % (request.scope["path"].encode(), orjson.dumps(told, option=orjson.OPT_SORT_KEYS))
    ).digest()
    return Asked(f"form:{once}", digest, fields.get(TAG_FIELD) or None, _WAIT_S)


def errors_of(problem: Problem) -> dict[str, str]:
    """What is wrong with which field of the form, by its name."""
    found: dict[str, str] = {}
    for each in problem.errors:
        # One of several values is written in the field of all of them.
        field = each.get("pointer", "").rpartition("/")[2].partition("[")[0]
        if field:
            found.setdefault(field, each["detail"])
    return found


def _refused(error: ValidationError) -> Problem:
    errors = [
        {"pointer": "/" + "/".join(map(str, each["loc"])), "detail": str(each["msg"]).removeprefix("Value error, ")}
        for each in error.errors()
    ]
    first = errors[0]
    return Problem(422, "refused", f"{first['pointer']}: {first['detail']}", errors)
