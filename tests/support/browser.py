"""A real browser for tests of pages: chromium, driven by Playwright; skipped, and told why, where there is none."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect, sync_playwright

_ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WIDTHS = {"broad": 1320, "middle": 768, "narrow": 320}
# How long a page may take before it counts as never coming: no promise, and a machine may have much else to do.
_PATIENCE_MS = 180_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """The browser, ended with the block."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("there is no chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        expect.set_options(timeout=_PATIENCE_MS)
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS, timeout=_PATIENCE_MS)
        try:
            yield browser
        finally:
            browser.close()


def context_of(browser: Browser, **how: Any) -> BrowserContext:
    """A context as Playwright's `new_context` makes it, which waits for pages as long as they take."""
    context = browser.new_context(**how)
    context.set_default_timeout(_PATIENCE_MS)
    return context


def follow(link: Locator) -> None:
    """Click what leads to another page, or to the same anew; whatever a test judges next is on that page, whole."""
    with link.page.expect_navigation():
        link.click()


@contextmanager
def opened(browser: Browser, address: str, **how: Any) -> Iterator[Page]:
    """A page at an address, in a context of its own, made as Playwright's `new_context` takes it (locale, sizes)."""
    context = context_of(browser, **how)
    try:
        page = context.new_page()
        page.goto(address)
        yield page
    finally:
        context.close()


def axe_violations(page: Page, *rules: str) -> list[str]:
    """What axe finds wrong by WCAG 2.2 AA, or by these rules: one line an element, with the rule and where."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8"))
    asked = {"type": "rule", "values": rules} if rules else {"type": "tag", "values": _TAGS}
    found = page.evaluate(
        "asked => axe.run(document, {runOnly: asked, resultTypes: ['violations'], elementRef: false})", asked
    )
    return [
        f"{violation['id']}: {' '.join(node['target'])}: {node['failureSummary']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window: 0 where nothing scrolls sideways."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
