"""Sign-in and sign-out: a name and a password, an issuer, or the buttons of a development server."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias
from urllib.parse import urlsplit

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from api.access.cookies import CSRF_FIELD, form_token, is_loopback, local_path, packed, unpacked
from api.access.gate import Gate, address_of, came_by_proxy, too_many
from api.access.principal import Principal
from api.access.settings import CALLBACK_PATH
from api.pages.page import answered_form, bare_view
from api.pages.rendering import render
from api.pages.view import address
from api.problems import Problem
from api.request_ids import noted_path
from ledger.access import people
from ledger.access.duties import DEVELOPER_PREFIX, Duty
from ledger.database import Role
from ledger.errors import AccessRefused
from projections.operators import operators
from projections.reading import Scope, Snapshot

Handler: TypeAlias = Callable[[Request, Gate], Awaitable[Response]]

# More than any form of these has.
_FIELDS_MAX: Final = 20
_OPERATORS_MAX: Final = 500
_log = logging.getLogger(__name__)


def _guarded(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """A handler with the application's gate; failures are pages."""

    async def answer(request: Request) -> Response:
        return await answered_form(request, noted_path(request.scope), done(request))

    async def done(request: Request) -> Response:
        gate: Gate | None = request.app.state.surface.gate
        if gate is None:
            raise Problem(404, "not_found", "Nobody signs in here.")
        try:
            return await handler(request, gate)
        except AccessRefused as refused:
            raise Problem(403, "sign_in_refused", str(refused).partition(": ")[2]) from refused

    return answer


async def _show_form(request: Request, gate: Gate) -> Response:
    return await _form(request, gate, request.query_params.get("next"))


async def _form(request: Request, gate: Gate, wanted: str | None, problem: Problem | None = None) -> Response:
    """The form, with what went wrong before; a browser without a cookie to bind it to gets one."""
    fresh = None
    if gate.cookies.token(request) is None:
        fresh = secrets.token_urlsafe(32)
    ready_made = await _developers(request, gate)
    made = render(
        "sign_in.html",
        bare_view(request),
        problem.status if problem else 200,
        csrf=gate.cookies.token(request) if fresh is None else form_token(fresh),
        wanted=local_path(wanted),
        complaint=problem.detail if problem else None,
        issuer=address("/login/issuer", {"next": local_path(wanted)}) if gate.issuer else None,
        duties=[duty.value for duty in Duty] if ready_made is not None else [],
        operators=ready_made or [],
    )
    if fresh is not None:
        gate.cookies.set(made, gate.cookies.form, fresh)
    if problem is not None:
        made.headers.update(problem.headers)
    return made


async def _sign_in(request: Request, gate: Gate) -> Response:
    form = await _checked_form(request, gate)
    name, password, wanted = (_text(form, field) for field in ("name", "password", "next"))
    found = await gate.passwords.check(name, password, address_of(request))
    if found.is_right and found.person is not None:
        return await _begin(request, gate, found.person, wanted)
    if found.person is not None:
        request.state.audited_object = f"user/{found.person}"
    if found.wait_s:
        detail = "Too many sign-ins failed, so that nothing is tried for now"
        return await _form(request, gate, wanted, too_many(found.wait_s, detail))
    complaint = (
        "The name or the password is not right. After ten failures a name has to wait for a quarter of an hour."
    )
    problem = Problem(401, "wrong_password", complaint, headers={"WWW-Authenticate": 'Form realm="WattLedger"'})
    return await _form(request, gate, wanted, problem)


async def _sign_in_developer(request: Request, gate: Gate) -> Response:
    form = await _checked_form(request, gate)
    names = await _developers(request, gate)
    duty, operator = _text(form, "role"), _text(form, "operator")
    if names is None or duty not in list(Duty):
        raise Problem(404, "not_found", "There is nothing at this address.")
    of = [operator or (names[0] if names else "")] if duty == Duty.OPERATOR else []
    person = f"{DEVELOPER_PREFIX}{duty}" + (f":{of[0]}" if of else "")

    def enter() -> str:
        with gate.door.transaction() as cursor:
            return people.developer(cursor, person, Duty(duty), of)

    return await _begin(request, gate, await gate.credentials.in_thread(enter), _text(form, "next"))


async def _to_issuer(request: Request, gate: Gate) -> Response:
    if gate.issuer is None:
        raise Problem(404, "not_found", "There is nothing at this address.")
    way = f"{secrets.token_urlsafe(32)}.{local_path(request.query_params.get('next'))}"
    sent = RedirectResponse(await gate.issuer.address(way), 303, {"Cache-Control": "no-store"})
    gate.cookies.set(sent, gate.cookies.issuer, packed(way))
    return sent


async def _from_issuer(request: Request, gate: Gate) -> Response:
    asked = request.query_params
    if gate.issuer is None:
        raise Problem(404, "not_found", "There is nothing at this address.")
    if "error" in asked:
        detail = f"The issuer let nobody in ({asked['error'][:100]}); begin again at /login."
        raise Problem(403, "sign_in_refused", detail)
    way = unpacked(request.cookies.get(gate.cookies.issuer))
    who = await gate.issuer.identity(way, asked.get("state", ""), asked.get("code", ""))

    def enter() -> str:
        with gate.door.transaction() as cursor:
            return people.from_issuer(cursor, who.issuer, who.subject, who.name, who.duty, who.operators)

    person = await gate.credentials.in_thread(enter)
    begun = await _begin(request, gate, person, (way or "").partition(".")[2])
    gate.cookies.forget(begun, gate.cookies.issuer)
    return begun


async def _sign_out(request: Request, gate: Gate) -> Response:
    cookie = request.cookies.get(gate.cookies.session)
    if cookie is not None:
        await _checked_form(request, gate)
        request.state.principal = await _who(gate, cookie)
        await gate.credentials.end_session(cookie)
    gone = RedirectResponse("/login", 303, {"Cache-Control": "no-store", "Clear-Site-Data": '"cache"'})
    gate.cookies.forget(gone, gate.cookies.session)
    return gone


async def _begin(request: Request, gate: Gate, person: str, wanted: str) -> Response:
    """A new session, and the way to what was wanted."""
    before = request.cookies.get(gate.cookies.session)
    cookie = await gate.credentials.start_session(person, before)
    principal = await gate.credentials.by_cookie(cookie)
    # Coming back from an issuer is a GET, and an action all the same.
    request.state.principal, request.state.acted = principal, True
    target = local_path(wanted)
    begun = RedirectResponse(bare_view(request).home if target == "/" else target, 303, {"Cache-Control": "no-store"})
    gate.cookies.set(begun, gate.cookies.session, cookie)
    gate.cookies.forget(begun, gate.cookies.form)
    return begun


async def _who(gate: Gate, cookie: str) -> Principal | None:
    try:
        return await gate.credentials.by_cookie(cookie)
    except Problem:
        return None


async def _checked_form(request: Request, gate: Gate) -> FormData:
    """The fields of a form that was made for this browser. Raises Problem 400, 403 and 415."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != "application/x-www-form-urlencoded":
        raise Problem(415, "no_form", "This takes what a form sends; load the page and send it from there.")
    form = await request.form(max_fields=_FIELDS_MAX)
    gate.cookies.check_token(request, form.get(CSRF_FIELD))
    return form


def _text(form: FormData, field: str) -> str:
    found = form.get(field)
    return found if isinstance(found, str) else ""


def _is_asked_here(request: Request) -> bool:
    try:
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname
        return is_loopback(host or "") and not came_by_proxy(request)
    except ValueError:  # Of a host that is none.
        return False


async def _developers(request: Request, gate: Gate) -> list[str] | None:
    """The operators that a development server's buttons offer; None where this is none, or is asked from elsewhere.

    A name that leads to this machine and is not its own could be anybody's page that asks through a browser here.
    """
    if not gate.settings.dev_login or not _is_asked_here(request):
        return None

    def ask(snapshot: Snapshot) -> list[str]:
        return [each.operator_id for each in operators(snapshot.cursor, _OPERATORS_MAX, None)]

    readers = request.app.state.surface.readers
    return await asyncio.to_thread(readers.read, Scope(Role.AUDITOR), ask)


ROUTES = [
    Route("/login", _guarded(_show_form), methods=["GET"]),
    Route("/login", _guarded(_sign_in), methods=["POST"]),
    Route("/login/developer", _guarded(_sign_in_developer), methods=["POST"]),
    Route("/login/issuer", _guarded(_to_issuer), methods=["GET"]),
    Route(CALLBACK_PATH, _guarded(_from_issuer), methods=["GET"]),
    Route("/logout", _guarded(_sign_out), methods=["POST"]),
]
