"""Who has no pointer and no scripts decides all the same, on a small screen: by keys alone."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from ledger.access.duties import Duty
from tests.access.meeting import PASSWORD, add_person
from tests.support.browser import context_of, overflow
from tests.support.live import Live
from tests.support.surface import Client

# Nothing is further away than so many presses of the key.
_TABS_MAX = 80


@pytest.fixture
def kate(system: Live, browser: Browser) -> Iterator[Page]:
    """An approver's telephone, with scripts switched off."""
    add_person(system.gate.door, "Kate", Duty.APPROVER)
    context = context_of(
        browser,
        base_url=str(system.client.base_url),
        locale="en-GB",
        java_script_enabled=False,
        viewport={"width": 375, "height": 800},
    )
    yield context.new_page()
    context.close()


def tab_to(page: Page, selector: str) -> None:
    """Go on by the key until an element has the focus."""
    for _ in range(_TABS_MAX):
        page.keyboard.press("Tab")
        if page.locator(f"{selector}:focus").count():
            return
    raise AssertionError(f"{selector} is never reached")


def test_a_payout_is_rejected_by_keys_alone(
    system: Live, kate: Page, reads: Client, waiting: Callable[..., dict[str, Any]]
) -> None:
    payout = waiting()
    path = f"/payouts/{payout['payout_id']}"
    kate.goto("/approvals")
    tab_to(kate, "#name")
    kate.keyboard.type("Kate")
    tab_to(kate, "#password")
    kate.keyboard.type(PASSWORD)
    kate.keyboard.press("Enter")
    kate.wait_for_url("**/approvals")
    assert overflow(kate) == 0
    tab_to(kate, f"a[href='{path}']")
    kate.keyboard.press("Enter")
    kate.wait_for_url(f"**{path}")
    tab_to(kate, "#reject-reason")
    kate.keyboard.press("Enter")
    assert kate.url.endswith(path), "why is missing, and the browser says so"
    kate.keyboard.type("the account is not the operator's")
    kate.keyboard.press("Enter")
    kate.wait_for_url("**/actions/*")
    assert overflow(kate) == 0
    rejected = system.seen(f"/v1{path}", reads, lambda each: each["status"] == "REJECTED")
    assert rejected["reason"] == "the account is not the operator's"
