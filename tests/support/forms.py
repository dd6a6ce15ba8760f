"""Forms of pages as people send them, in a real browser."""

from playwright.sync_api import Page

from tests.support.browser import WIDTHS, axe_violations, follow, overflow


def send(page: Page, form: str, **fields: str) -> str:
    """Fill a form in and send it: the state that its answer shows."""
    for name, value in fields.items():
        page.fill(f"#{form}-{name}", value)
    follow(page.locator(f"#{form} > button"))
    page.wait_for_url("**/actions/*")
    while page.locator("h1 .badge").inner_text() == "PUBLISHED":
        follow(page.get_by_role("link", name="Look again"))
    return page.locator("h1 .badge").inner_text()


def complaint(page: Page) -> str:
    return page.locator("[role=alert]").inner_text()


def fits(page: Page) -> None:
    """Nothing bars anybody, and nothing scrolls sideways on a narrow screen."""
    assert axe_violations(page) == []
    page.set_viewport_size({"width": WIDTHS["narrow"], "height": 900})
    page.emulate_media(color_scheme="dark")
    assert overflow(page) == 0
    assert axe_violations(page, "color-contrast", "target-size") == []
    page.set_viewport_size({"width": WIDTHS["broad"], "height": 900})
    page.emulate_media(color_scheme="light")
