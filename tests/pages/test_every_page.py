"""Every page there is, found by its route, in a real browser: nothing bars anybody or scrolls sideways."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from api.access.roles import asked_by, may
from api.pages.page import PageRoute
from api.pages.subjects import ROUTES
from ledger.access.duties import Duty
from projections.freshness import ON_DEMAND
from projections.runner import catch_up
from tests.support.browser import WIDTHS, axe_violations, context_of, follow, overflow
from tests.support.surface import guarded

# Where the ids are of which pages of one thing have one in their path, by its name there.
IDS = {
    "operator_id": ("/v1/operators", "operator_id"),
    "payout_id": ("/v1/payouts?operator_id=OP-NL", "payout_id"),
    "session_id": ("/v1/sessions", "session_id"),
    "entry_id": ("/v1/entries", "entry_id"),
    "event_id": ("/v1/entries", "cause"),
    "cdr_id": ("/v1/cdrs", "id"),
    "deadletter_id": ("/v1/dead-letters", "deadletter_id"),
    "finding_id": ("/v1/breaks", "finding_id"),
    "number": ("/v1/operators/OP-NL/statements", "number"),
    "tariff_id": ("/v1/tariffs?operator_id=OP-DE", "tariff_id"),
    # The one that has a limit.
    "location_id": ("/v1/load?location_id=NL-A7", "location_id"),
}
# What a page weighs over the wire, at most: the files beside it come once.
PAGE_BYTES_MAX = 60 * 1024
# Nobody has done, proposed or subscribed to anything here yet: these are visited where people do (test_deciding,
# test_subscribing).
DONE = re.compile(r"\{(action|adjustment|write_off|notice|subscription)_id\}")


def _is_visited(route: PageRoute) -> bool:
    """Whether an auditor sees it; pages of administrators are visited in test_administering."""
    right = asked_by(route.endpoint)
    return right is not None and may(Duty.AUDITOR, right) and not DONE.search(route.path)


PAGES = {route.path: route for route in ROUTES if isinstance(route, PageRoute) and _is_visited(route)}
QUERIES = {
    "/search": "?q=OP-NL",
    "/accounts": "?account=2010/OP-NL&limit=10",
    "/trial-balance": "?currency=EUR",
    "/operators/{operator_id}/payout-day": "?date=2026-03-22",
    "/operators/{operator_id}/payout-day/left-out": "?date=2026-03-22&limit=10",
    "/cash/not-collected/parts": "?operator_id=OP-NL&currency=EUR&cause=NOT_SETTLED",
    "/margins": "?location_id=NL-A7&limit=10",
    "/payouts/{payout_id}/left-out": "?reason=NOT_RELEASED&limit=10",
}


@pytest.fixture(scope="module")
def signed_in(browser: Browser, network_url: str) -> Iterator[BrowserContext]:
    """A browser in which an auditor has signed in."""
    catch_up(network_url, ON_DEMAND)
    with guarded(network_url, dev_login=True) as (client, _):
        context = context_of(browser, base_url=str(client.base_url), locale="en-GB")
        page = context.new_page()
        page.goto("/login")
        follow(page.get_by_role("button", name=re.compile("auditor", re.IGNORECASE)))
        yield context
        context.close()


@pytest.fixture(scope="module")
def visited(signed_in: BrowserContext) -> Callable[[str], Page]:
    """Goes to a page and says so if anything there is refused, fails, or asks another host."""
    page = signed_in.pages[0]
    ours = page.url.rpartition("/")[0]
    said: list[Any] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: said.append(request.url) if not request.url.startswith(ours) else None)

    def visit(path: str) -> Page:
        said.clear()
        answer = page.goto(path)
        assert answer is not None
        assert answer.status == 200, page.content()
        assert int(answer.headers.get("content-length", 0)) <= PAGE_BYTES_MAX
        assert said == []
        return page

    return visit


def address_of(context: BrowserContext, path: str) -> str:
    """A page's address with an id for each name in its path; of long lists the first rows, which look as all do."""
    found = path
    for name in re.findall(r"{(\w+)", path):
        listed, field = IDS[name]
        of_one = context.request.get(listed).json()["data"]
        assert of_one, f"{listed} has nothing"
        found = re.sub(rf"{{{name}(:\w+)?}}", str(of_one[0][field]), found)
    few = "?limit=10" if "limit" in PAGES[path].known_parameters else ""
    return found + QUERIES.get(path, few)


@pytest.mark.parametrize("path", sorted(PAGES))
def test_every_page_is_for_everybody(signed_in: BrowserContext, visited: Callable[[str], Page], path: str) -> None:
    page = visited(address_of(signed_in, path))
    page.set_viewport_size({"width": WIDTHS["broad"], "height": 900})
    page.emulate_media(color_scheme="light")
    assert axe_violations(page) == []
    assert page.locator("h1").count() == 1
    page.emulate_media(color_scheme="dark")
    for width in WIDTHS.values():
        page.set_viewport_size({"width": width, "height": 900})
        assert overflow(page) == 0, width
    # Colours are all that differs from the light, and the size of what is touched from the broad.
    assert axe_violations(page, "color-contrast", "target-size") == []
