"""Signing in and out in a real browser, by keyboard, and what axe says of these pages in light and dark."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from ledger.access.door import Door
from ledger.access.duties import Duty
from tests.access.meeting import PASSWORD, add_person
from tests.support.browser import axe_violations, chromium, follow, opened, overflow
from tests.support.surface import Client, guarded


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.mark.parametrize(("scheme", "width"), [("light", 1320), ("dark", 320)])
def test_somebody_signs_in_by_keyboard_looks_and_signs_out(
    browser: Browser, client: Client, door: Door, name: str, scheme: str, width: int
) -> None:
    add_person(door, name, Duty.AUDITOR)
    size = {"width": width, "height": 800}
    with opened(browser, f"{client.base_url}/audit", viewport=size, color_scheme=scheme) as page:
        assert page.url.endswith("/login?next=%2Faudit")
        assert (axe_violations(page), overflow(page)) == ([], 0)
        page.focus("#name")
        page.keyboard.type(name)
        page.keyboard.press("Tab")
        page.keyboard.type("wrong")
        page.keyboard.press("Enter")
        page.wait_for_selector("[role=alert]")
        assert axe_violations(page) == []
        page.fill("#name", name)
        page.fill("#password", PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/audit")
        assert (axe_violations(page), overflow(page)) == ([], 0)
        assert page.locator("tr[data-kind=audit]").count() >= 2
        follow(page.get_by_role("button", name="Sign out"))
        page.wait_for_url("**/login")
        page.goto(f"{client.base_url}/audit")
        assert page.url.endswith("/login?next=%2Faudit")


def test_a_development_server_asks_for_no_password(browser: Browser, store_dsn: str) -> None:
    with (
        guarded(store_dsn, dev_login=True) as (client, _),
        opened(browser, f"{client.base_url}/login?next=/health") as page,
    ):
        assert axe_violations(page) == []
        follow(page.get_by_role("button", name="Sign in as admin"))
        page.wait_for_url("**/health")
        assert "dev:admin" in page.locator("footer").inner_text()
