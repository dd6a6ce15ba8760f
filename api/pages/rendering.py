"""Makes an HTML response of a template: one environment, one place for the headers that every page has."""

from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from api.access.roles import Right
from api.pages import charts
from api.pages.assets import asset_address
from api.pages.rows import badge, identifier, rows
from api.pages.table_files import table_file, with_files
from api.pages.view import View

_TEMPLATES = Path(__file__).parent / "templates"
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Vary": "Accept-Language, Cookie",
}


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The templates: everything is escaped, and a name that is not given is an error and not an empty text."""
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals |= {"asset": asset_address, "charts": charts, "right": Right}
    made.globals |= {"rows": rows, "badge_of": badge, "identifier_of": identifier}
    return made


def page_text(template: str, view: View, **context: Any) -> str:
    """The HTML of a template; it knows `view` and what is given to it."""
    return environment().get_template(template).render(view=view, **context)


def render(template: str, view: View, status: int = 200, **context: Any) -> Response:
    """A page as a response with the headers of all pages: no inline script or style, no frame, not stored.

    Where the address names one of its tables, that table as a file.
    """
    if status == HTTPStatus.OK and (file := table_file(view, context)) is not None:
        return file
    return _page(template, view, status, **with_files(view, context))


def _page(template: str, view: View, status: int, **context: Any) -> HTMLResponse:
    return HTMLResponse(page_text(template, view, **context), status, dict(SECURITY_HEADERS))


def render_error(view: View, status: int, title: str, detail: str, request_id: str) -> HTMLResponse:
    """The page of a failure: what it was, what to do, and the id that logs have."""
    return _page("error.html", view, status, title=title, detail=detail, request_id=request_id)
