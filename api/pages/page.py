"""One reading of one page: who may, how they read, one snapshot for all figures, and failures as pages too.

A page is a function of a PageCall under `@page`; it reads in one step and is written in the next, both in a thread:

    @page("/operators/{operator_id}", Right.MONEY, as_of=True)
    async def operator(call: PageCall) -> Response:
        return await call.show(lambda snapshot: found(snapshot, call.path["operator_id"]), present)
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import parse_qsl, quote, urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from api.access.principal import Principal
from api.access.roles import Right, asks, may
from api.call import Call
from api.pages.format import Reader, locale_of, reader_of, zone_of
from api.pages.moments import FORM_PARAMETERS, canonical_address
from api.pages.rendering import render_error
from api.pages.table_files import TABLE_PARAMETERS
from api.pages.view import AS_OF, OF_PAGES_ALONE, Complaint, Moment, View, address
from api.parameters import LIMIT_MAX, SLASH_WITHIN, AsOf, PageRequest, both_axes, escaped_path, page_of
from api.problems import Problem, bad_parameter, unavailable
from api.request_ids import request_id
from ledger.access.duties import Duty
from ledger.errors import MachineryFault
from projections.decisions import Stopped, payouts_stopped
from projections.overview import Eyes, Reach, reach
from projections.reading import Snapshot

T = TypeVar("T")
Handler: TypeAlias = Callable[["PageCall"], Awaitable[Response]]
Found: TypeAlias = Callable[[Snapshot], T]
Present: TypeAlias = Callable[[View, T], Response]

# A resource of the API: its path, with the names of path parameters, or what makes one of a query.
Listed: TypeAlias = str | Callable[[Mapping[str, str]], str]

LIST_PARAMETERS: Final = frozenset({"cursor", "limit"})
_OF_EVERY_PAGE: Final = frozenset({"lang", "zone"})
_COOKIE: Final = "wl_reading"
_YEAR_S: Final = 365 * 24 * 3600
_ROWS: Final = 50
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class PageCall(Call):
    """A request for a page by somebody who may see it; what it asks for is known to be asked well.

    Where a form of the page was sent and nothing came of it, `complaint` says why, and `at` is the page's own path.
    """

    query: Mapping[str, str]
    reader: Reader
    is_zone_chosen: bool
    bounded: bool = False
    carried: Mapping[str, str] = field(default_factory=dict)
    complaint: Complaint | None = None
    at: str | None = None

    @property
    def path(self) -> Mapping[str, str]:
        """The parts of the path by name, with the slashes that were within them."""
        return {name: str(value).replace(SLASH_WITHIN, "/") for name, value in self.request.path_params.items()}

    @property
    def page(self) -> PageRequest:
        """Which part of a list is wanted."""
        try:
            limit = int(self.query.get("limit", _ROWS))
        except ValueError:
            limit = 0
        if not 1 <= limit <= LIMIT_MAX:
            raise bad_parameter("limit", f"is a number from 1 to {LIMIT_MAX}")
        return page_of(self.request, limit, self.query.get("cursor"))

    @property
    def _eyes(self) -> Eyes:
        return Eyes.OWN if self.principal.duty is Duty.OPERATOR else Eyes.ALL

    async def show(
        self, ask: Found[T], present: Present[T], zone_of: Callable[[T], str | None] | None = None
    ) -> Response:
        """What `present` makes of what `ask` found in one snapshot, in the chosen zone or in `zone_of` that."""

        is_told = may(self.principal.duty, Right.SYSTEM)

        def read(snapshot: Snapshot) -> tuple[T, Reach, Stopped | None, int]:
            spans = reach(snapshot.cursor, self._eyes) if self.bounded else Reach()
            stopped = payouts_stopped(snapshot.cursor) if is_told else None
            return ask(snapshot), spans, stopped, snapshot.known

        found, spans, stopped, position = await self.read(read)
        counts = await self.request.app.state.waiting.counts() if may(self.principal.duty, Right.BOOK) else {}
        view = self._view(spans, counts, position, zone_of(found) if zone_of else None, stopped)
        context = copy_context()
        return await asyncio.get_running_loop().run_in_executor(None, lambda: context.run(present, view, found))

    def _view(
        self, spans: Reach, counts: Mapping[str, int], position: int, zone: str | None, stopped: Stopped | None
    ) -> View:
        reader = self.reader
        if zone is not None and not self.is_zone_chosen:
            reader = reader_of([reader.tag], "", [zone])
        moment = Moment(
            self.as_of.effective_at,
            self.as_of.known_at,
            position,
            self.surface.readers.lag_ms,
            spans.earliest,
            spans.latest,
            spans.known_since,
        )
        return View(
            reader,
            self.at or escaped_path(self.request),
            self.query,
            self.principal.name,
            self.principal.duty.value,
            counts,
            moment,
            csrf_of(self.request),
            self.carried,
            self.complaint,
            stopped,
        )


class PageRoute(Route):
    """A route that knows which query parameters its page reads, and what makes the page."""

    def __init__(self, path: str, answer: Any, known: frozenset[str], handler: Handler, is_bounded: bool) -> None:
        super().__init__(path, answer, methods=["GET"], name=path)
        self.known_parameters, self.handler, self.is_bounded = known, handler, is_bounded


def page(
    path: str,
    right: Right,
    *filters: str,
    as_of: bool = False,
    listed: Listed | None = None,
    beside: frozenset[str] = frozenset(),
) -> Callable[[Handler], PageRoute]:
    """Declares a page: its path, the right that it takes, the parameters that it filters by.

    `as_of`: it has both axes of time; any other takes them from the page before and hands them on. `listed`: the
    resource of the API that its list is of, which gives it as a file: the page has `cursor` and `limit`, and `format`
    leads there; `beside` are the filters that narrow other tables of the page, not this list. With `table` it gives
    that table of the page.
    """
    known = frozenset(filters) | _OF_EVERY_PAGE | TABLE_PARAMETERS | frozenset(AS_OF)
    if as_of:
        known |= FORM_PARAMETERS
    if listed is not None:
        known |= LIST_PARAMETERS

    def declare(handler: Handler) -> PageRoute:
        async def answer(request: Request) -> Response:
            try:
                return await _answer(request, handler, right, known, as_of, listed, beside)
            except Problem as problem:
                return failed(request, problem)
            except Exception:
                return _broken(request, path)

        return PageRoute(path, asks(right, answer), known, handler, as_of)

    return declare


async def _answer(
    request: Request,
    handler: Handler,
    right: Right,
    known: frozenset[str],
    with_moment: bool,
    listed: Listed | None,
    beside: frozenset[str],
) -> Response:
    principal = await request.app.state.surface.authenticate(request)
    request.state.principal = principal
    if not may(principal.duty, right):
        raise Problem(
            403, "role_may_not", f"This takes the right to {right.value}, and role {principal.duty} has not."
        )
    query = _query(request, known)
    reader, is_chosen = reader_for(request)
    better = canonical_address(escaped_path(request), query, reader.zone)
    if better is not None:
        return RedirectResponse(better, 303, {"Cache-Control": "no-store"})
    carried: dict[str, str] = {} if with_moment else {name: query.pop(name) for name in AS_OF if name in query}
    if listed is not None and "format" in query and "table" not in query:
        return RedirectResponse(_file(request, listed, query, beside), 303, {"Cache-Control": "no-store"})
    asked = as_of_query(query) if with_moment else AsOf()
    surface = request.app.state.surface
    call = PageCall(request, surface, principal, asked, query, reader, is_chosen, with_moment, carried)
    return _remembering(request, query, await handler(call))


def as_of_query(query: Mapping[str, str]) -> AsOf:
    """Both axes of a page's query, whose times are known to be times. Raises Problem 400 for a future."""
    return both_axes(query.get("effective_at"), query.get("known_at"))


def _query(request: Request, known: frozenset[str]) -> dict[str, str]:
    for name in request.query_params:
        if name not in known:
            raise bad_parameter(name[:64], f"is unknown here; known are {', '.join(sorted(known - FORM_PARAMETERS))}")
        if len(request.query_params.getlist(name)) > 1:
            raise bad_parameter(name, "is given twice; once is enough")
    for name, value in (*request.query_params.items(), *request.path_params.items()):
        if "\0" in value:
            raise bad_parameter(name, "has a NUL in it, which no identifier has")
    return dict(request.query_params)


def _file(request: Request, listed: Listed, query: Mapping[str, str], beside: frozenset[str]) -> str:
    resource = listed if isinstance(listed, str) else listed(query)
    path = resource.format_map({name: quote(value, safe="") for name, value in request.path_params.items()})
    asked = {name: value for name, value in query.items() if name not in OF_PAGES_ALONE | beside}
    return address(path, {**asked, "format": query["format"]})


def reader_for(request: Request) -> tuple[Reader, bool]:
    """How who asks reads numbers and times, and whether she chose the zone."""
    languages, zones = _chosen(request)
    return reader_of(languages, request.headers.get("accept-language", ""), zones), any(zones)


def _chosen(request: Request) -> tuple[list[str | None], list[str | None]]:
    """Languages and zones that the reader chose: in the address, or earlier."""
    kept = dict(parse_qsl(request.cookies.get(_COOKIE, "")[:200]))
    asked = request.query_params
    return [asked.get("lang"), kept.get("lang")], [asked.get("zone"), kept.get("zone")]


def _remembering(request: Request, query: Mapping[str, str], response: Response) -> Response:
    """The answer, which makes the browser keep what the reader chose in the address."""
    if _OF_EVERY_PAGE.isdisjoint(query):
        return response
    languages, zones = _chosen(request)
    chosen = {
        "lang": next((tag for tag in languages if tag and locale_of(tag)), ""),
        "zone": next((name for name in zones if zone_of(name)), ""),
    }
    gate = request.app.state.surface.gate
    is_secure = gate.cookies.secure if gate is not None else request.url.scheme == "https"
    response.set_cookie(_COOKIE, urlencode(chosen), _YEAR_S, secure=is_secure, httponly=True, samesite="lax")
    return response


def csrf_of(request: Request) -> str:
    """The token that forms of this sign-in carry."""
    return str(getattr(request.state, "csrf", ""))


def wants_html(request: Request) -> bool:
    """Whether a person looks at the answer: a browser asks for HTML, and not below the resources of programs."""
    return not request.scope["path"].startswith("/v1") and "text/html" in request.headers.get("accept", "")


async def answered_form(request: Request, path: str, answer: Awaitable[Response]) -> Response:
    """What a form is answered; whatever fails is a page."""
    try:
        return await answer
    except Problem as problem:
        return failed(request, problem)
    except HTTPException as error:
        return failed(request, Problem(error.status_code, "bad_form", "This is no form of ours."))
    except MachineryFault as fault:
        return failed(request, unavailable(str(fault)))
    except Exception:
        return _broken(request, path)


def _broken(request: Request, path: str) -> Response:
    """The page of a fault of ours, which is logged."""
    _log.exception("%s failed", path)
    return failed(request, Problem(500, "internal", "This failed by a fault of ours. Tell us the id below."))


def failed(request: Request, problem: Problem) -> Response:
    """A failure as a page; who has not signed in is led there, and back again after."""
    if problem.status == 401 and request.method == "GET":
        query = request.scope["query_string"].decode("latin-1")
        wanted = escaped_path(request) + (f"?{query}" if query else "")
        return RedirectResponse(address("/login", {"next": wanted}), 303, {"Cache-Control": "no-store"})
    view = bare_view(request)
    title = _TITLES.get(problem.status, _FAILED) if request.method == "GET" else _FAILED
    made = render_error(view, problem.status, title, problem.detail, request_id())
    made.headers.update(problem.headers)
    return made


def bare_view(request: Request) -> View:
    """A view for a page that reads nothing of the store: sign-in, failures."""
    reader, _ = reader_for(request)
    principal: Principal | None = getattr(request.state, "principal", None)
    name, role = (principal.name, principal.duty.value) if principal else (None, None)
    return View(reader, escaped_path(request), dict(request.query_params), name, role, csrf=csrf_of(request))


_FAILED: Final = "This did not work"
_TITLES: Final = {
    400: "This address asks for something that cannot be",
    403: "Your role may not see this",
    404: "There is no such thing",
    405: "This cannot be done here",
    413: "That was too large",
    429: "Too many requests at once",
    500: "This failed",
    503: "The database does not answer",
}
