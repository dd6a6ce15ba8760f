"""The components in a real browser: readable by everybody, on any width, in the dark, on paper, without a mouse."""

from io import BytesIO

import httpx
import pytest
from playwright.sync_api import Browser, expect
from pypdf import PdfReader

from api.pages.rendering import SECURITY_HEADERS
from tests.support.browser import WIDTHS, axe_violations, context_of, follow, opened, overflow

QUERY = "/?zone=Europe/Amsterdam&lang=en-GB&effective_at=2026-03-25T14:30:00Z"


@pytest.mark.parametrize(("width", "scheme"), [("broad", "light"), ("narrow", "dark")])
def test_nothing_bars_anybody(browser: Browser, gallery: str, width: str, scheme: str) -> None:
    size = {"width": WIDTHS[width], "height": 900}
    with opened(browser, gallery + QUERY, viewport=size, color_scheme=scheme) as page:
        assert axe_violations(page) == []


def test_nothing_scrolls_sideways_on_any_width_page_or_table(browser: Browser, gallery: str) -> None:
    inner = "Math.max(...[...document.querySelectorAll('.table')].map(e => e.scrollWidth - e.clientWidth))"
    with opened(browser, gallery + QUERY) as page:
        wide = []
        for width in range(320, 1400, 60):
            page.set_viewport_size({"width": width, "height": 900})
            if overflow(page) or page.evaluate(inner):
                wide.append(width)
        assert wide == []


def test_nothing_is_refused_by_the_policy_or_asked_of_another_host(browser: Browser, gallery: str) -> None:
    said: list[str] = []
    asked: list[str] = []
    context = context_of(browser)
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(gallery + QUERY)
    context.close()
    assert said == []
    assert [url for url in asked if not url.startswith(f"{gallery}/")] == []


def test_everything_is_reached_by_the_keyboard_in_order(browser: Browser, gallery: str) -> None:
    with opened(browser, gallery + QUERY) as page:
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        wanted = page.evaluate(
            """[...document.querySelectorAll('a[href], button, input, select, summary, pre[tabindex]')]
               .filter(e => e.type !== 'hidden' && e.checkVisibility()).length"""
        )
        seen, hidden = 1, []
        page.evaluate("document.activeElement.dataset.seen = 1")
        while True:
            page.keyboard.press("Tab")
            state = page.evaluate(
                """(() => { const e = document.activeElement;
                     if (e === document.body || e.dataset.seen) return null;
                     e.dataset.seen = 1;
                     return getComputedStyle(e).outlineStyle === 'none' ? e.outerHTML : ''; })()"""
            )
            if state is None:
                break
            seen += 1
            hidden += [state] if state else []
        assert hidden == []
        assert seen == wanted


def test_the_skip_link_leads_to_the_content(browser: Browser, gallery: str) -> None:
    with opened(browser, gallery + QUERY) as page:
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("#content")).to_be_focused()


def test_a_print_has_every_column_and_says_of_when_it_is(browser: Browser, gallery: str) -> None:
    with opened(browser, gallery + QUERY) as page:
        heads = page.eval_on_selector_all("thead th", "found => found.map(e => e.innerText.trim())")
        paper = PdfReader(BytesIO(page.pdf(prefer_css_page_size=True)))
    first = paper.pages[0]
    assert [round(float(side) / 72 * 25.4) for side in first.mediabox[2:]] == [210, 297]
    text = " ".join(" ".join(each.extract_text() for each in paper.pages).split())
    assert [head for head in heads if " ".join(head.split()) not in text] == []
    assert "Figures as of 25 Mar 2026 15:30:00 Europe/Amsterdam, known now · position 13,204" in text


def test_nothing_on_paper_lies_outside_of_it(browser: Browser, gallery: str) -> None:
    with opened(browser, gallery + QUERY, viewport={"width": 703, "height": 1000}) as page:
        page.emulate_media(media="print")
        outside = page.evaluate(
            """[...document.querySelectorAll('th, td, p, dd, h1, h2')].filter(e => e.checkVisibility()
               && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80))"""
        )
        assert outside == []


def test_the_slider_says_its_day_and_the_form_works_without_a_script(browser: Browser, gallery: str) -> None:
    with opened(browser, gallery + QUERY) as page:
        slider = page.locator("#effective_at-slide")
        slider.focus()
        with page.expect_navigation():
            page.keyboard.press("ArrowLeft")
            page.keyboard.press("ArrowLeft")
        # Keys move it on before it shows anything.
        assert "effective_at=2026-03-23" in page.url
    with opened(browser, gallery + QUERY, java_script_enabled=False) as page:
        page.locator("#known_at").fill("2026-03-26")
        follow(page.locator(".as-of button"))
        assert "known_at=2026-03-26" in page.url
        assert "effective_at.slide=24&effective_at.slid=24" in page.url


def test_a_first_load_is_small_and_files_are_kept_for_ever(gallery: str) -> None:
    with httpx.Client(base_url=gallery, headers={"Accept-Encoding": "gzip"}) as client:
        page = client.get(QUERY)
        assert {name: page.headers[name] for name in SECURITY_HEADERS} == SECURITY_HEADERS
        addresses = [part.split('"')[0] for part in page.text.split('"/static/')[1:]]
        sizes = {}
        for address in addresses:
            answer = client.get(f"/static/{address}")
            assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
            sizes[address] = int(answer.headers["content-length"])
        assert len(sizes) == 3
        assert sum(sizes.values()) < 12_000
        assert client.get("/static/pages.000000000000.css").status_code == 404


def test_no_page_has_a_script_or_a_style_within(gallery: str) -> None:
    text = httpx.get(gallery + QUERY).text
    assert " style=" not in text
    assert "<style" not in text
    assert " on" not in "".join(part.split(">")[0] for part in text.split("<button")[1:])
    assert text.count("<script") == text.count("<script src=")


def test_texts_full_of_html_are_shown_as_text(browser: Browser, gallery: str) -> None:
    with opened(browser, gallery + QUERY) as page:
        assert "<b>&" in page.locator("tr[data-id='OP-US'] th").inner_text()
        assert "<script>alert(1)</script>" in page.locator("[data-field='raw']").inner_text()


def test_a_failure_is_a_page_with_the_id_that_logs_have(browser: Browser, gallery: str) -> None:
    with opened(browser, f"{gallery}/error") as page:
        assert page.locator("h1").inner_text() == "There is no such payout"
        assert "a1b2" in page.locator("main").inner_text()
