"""Cash, payouts and approvals in a real browser: figures that agree with the API, sums that open their parts."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page

from tests.support.browser import WIDTHS, axe_violations, opened, overflow
from tests.support.surface import Client, serving

HEADERS = {"Authorization": "Bearer finance"}


@pytest.fixture(scope="module")
def client(network_url: str) -> Iterator[Client]:
    with serving(network_url) as client:
        yield client


@pytest.fixture(scope="module")
def base(client: Client) -> str:
    return str(client.base_url).rstrip("/")


def figure(within: Page | Locator, field: str) -> Decimal:
    """The first amount of a field, exact."""
    return Decimal(within.locator(f'[data-field="{field}"]').first.get_attribute("value") or "")


def payout_ids(client: Client, **wanted: Any) -> list[str]:
    found = client.get("/v1/payouts", params={**wanted, "limit": 200}).json()["data"]
    return [each["payout_id"] for each in found]


@pytest.mark.parametrize(("scheme", "width"), [("light", WIDTHS["broad"]), ("dark", WIDTHS["narrow"])])
def test_the_pages_are_accessible_and_scroll_no_sideways(
    browser: Browser, client: Client, base: str, scheme: Any, width: int
) -> None:
    (waits, *_), (paid, *_) = payout_ids(client, status="AWAITING_APPROVAL"), payout_ids(client, attempt=2)
    paths = ["/cash", "/", "/payouts?currency=EUR", f"/payouts/{waits}", f"/payouts/{paid}", "/approvals"]
    paths += [f"/payouts/{paid}/entries?step=COMMISSION", f"/payouts/{waits}/left-out?reason=NOT_RELEASED"]
    how = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}, "extra_http_headers": HEADERS}
    with opened(browser, f"{base}/cash", **how) as page:
        for path in paths:
            answer = page.goto(base + path)
            assert answer is not None
            # Where everything was released by the time of the run, nothing is left out for that reason.
            assert answer.status in ((200, 404) if "left-out" in path else (200,)), path
            assert axe_violations(page) == [], path
            for each in WIDTHS.values():
                page.set_viewport_size({"width": each, "height": 800})
                assert overflow(page) == 0, (path, each)
            page.set_viewport_size({"width": width, "height": 800})


def test_the_cash_page_has_the_figures_of_the_api_and_agrees_with_the_book(
    browser: Browser, client: Client, base: str
) -> None:
    rows = {row["operator_id"]: row for row in client.document("/v1/cash")["data"]}
    with opened(browser, f"{base}/", extra_http_headers=HEADERS) as page:
        for operator_id, row in rows.items():
            line = page.locator(f'tr[data-id="{operator_id} {row["currency"]}"]')
            for name in ("pending", "available", "in_transit", "owed", "paid_out"):
                assert figure(line, name) == Decimal(row["owed"][name])
        assert page.locator(".check.agrees").count() == 1
        assert page.locator(".check.differs").count() == 0


@pytest.mark.parametrize("moment", ["", "?effective_at=2026-03-25T23:59:59Z"])
def test_every_figure_of_cash_opens_a_page_that_states_the_same(browser: Browser, base: str, moment: str) -> None:
    with opened(browser, f"{base}/cash{moment}", extra_http_headers=HEADERS) as page:
        line = page.locator('tr[data-id="OP-NL EUR"]')
        links = line.locator("a.figure")
        told = [
            (str(link.get_attribute("href")), Decimal(link.locator("data").get_attribute("value") or ""))
            for link in links.all()
        ]
        assert len(told) >= 7
        for href, value in told:
            page.goto(base + href)
            assert figure(page, "total") == value, href


def test_a_payout_is_explained_on_its_page_to_the_cent(browser: Browser, client: Client, base: str) -> None:
    ids = payout_ids(client)
    with opened(browser, f"{base}/payouts", extra_http_headers=HEADERS) as page:
        for payout_id in ids[:: len(ids) // 8]:
            page.goto(f"{base}/payouts/{payout_id}")
            told = client.document(f"/v1/payouts/{payout_id}")
            assert figure(page, "amount") == Decimal(told["amount"])
            steps = page.locator('[data-section="waterfall"] data.amount').all()
            assert sum(Decimal(each.get_attribute("value") or "") for each in steps) == Decimal(told["amount"])
            left = client.document(f"/v1/payouts/{payout_id}/excluded")
            sums = page.locator('[data-section="excluded"] data.amount').all()
            assert sum(Decimal(each.get_attribute("value") or "") for each in sums) == Decimal(left["excluded_sum"])
            assert page.locator(".check.agrees").count() == 1
            assert told["content_hash"] in page.content()
            sentences = client.document(f"/v1/payouts/{payout_id}/change")["sentences"]
            assert (page.locator('[data-field="changed"]').text_content() or "").rstrip(":.") == sentences[0]
            assert page.locator('[data-section="why"] li').all_text_contents() == sentences[1:]


def test_every_sum_of_a_payout_opens_a_page_that_states_the_same(browser: Browser, client: Client, base: str) -> None:
    for payout_id in (payout_ids(client, operator_id="OP-NL")[5], payout_ids(client, status="AWAITING_APPROVAL")[0]):
        with opened(browser, f"{base}/payouts/{payout_id}", extra_http_headers=HEADERS) as page:
            links = page.locator('[data-section="waterfall"] a.figure, [data-section="excluded"] a.figure').all()
            told = [
                (str(link.get_attribute("href")), Decimal(link.locator("data").get_attribute("value") or ""))
                for link in links
            ]
            assert told
            for href, value in told:
                page.goto(base + href)
                assert figure(page, "total") == value, href


def test_approvals_say_what_waits_and_nothing_is_decided_in_the_list(
    browser: Browser, client: Client, base: str
) -> None:
    waiting = client.get("/v1/payouts", params={"status": "AWAITING_APPROVAL"}).json()["data"]
    with opened(browser, f"{base}/approvals", extra_http_headers=HEADERS) as page:
        assert figure(page, "total") == sum(Decimal(each["amount"]) for each in waiting)
        for each in waiting:
            line = page.locator(f'tr[data-kind="payout"][data-id="{each["payout_id"]}"]')
            assert figure(line, "amount") == Decimal(each["amount"])
            left = client.document(f"/v1/payouts/{each['payout_id']}/excluded")["excluded_sum"]
            assert figure(line, "excluded") == Decimal(left)
            assert each["account"] in line.inner_text()
        assert page.locator("form[method=post]").count() == 0
        page.goto(f"{base}/payouts/{waiting[0]['payout_id']}")
        assert "Approvers decide; your role is finance." in page.locator("#decision").inner_text()


def test_an_operator_sees_its_own_cash_and_not_what_waits_for_people(
    browser: Browser, client: Client, base: str
) -> None:
    own = {"Authorization": "Bearer operator:OP-NL"}
    with opened(browser, f"{base}/", extra_http_headers=own) as page:
        ids = [line.get_attribute("data-id") for line in page.locator('tr[data-kind="position"]').all()]
        assert ids == ["OP-NL EUR"]
        assert "OP-DE" not in page.content()
        assert page.get_by_text("To do").count() == 0
        assert "Europe/Amsterdam" in page.content()
    foreign = payout_ids(client, operator_id="OP-DE")[0]
    answer = client.as_("operator:OP-NL").get(f"/payouts/{foreign}", headers={"Accept": "text/html"})
    assert answer.status_code == 404


def test_who_may_not_see_cash_is_led_to_their_first_page(client: Client) -> None:
    answer = client.as_("processor").get("/", headers={"Accept": "text/html"}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/payouts")


def test_a_processor_is_led_to_bank_files_and_nowhere_else(client: Client) -> None:
    processor = client.as_("processor")
    text = processor.get("/payouts", headers={"Accept": "text/html"}).text
    links = set(re.findall(r'<td[^>]*>\s*<a[^>]* href="([^"]+)"', text))
    assert links
    assert [link for link in links if not link.endswith("/bank-file")] == []
    assert processor.get(min(links), headers={"Accept": "*/*"}).status_code in (200, 404)


@pytest.mark.parametrize(
    "path", ["/payouts?status=LOST", "/payouts?business_date=x", "/payouts?attempt=0", "/cash?from=2020-01-01"]
)
def test_what_cannot_be_asked_is_refused(client: Client, path: str) -> None:
    answer = client.get(path, headers={"Accept": "text/html"}, follow_redirects=True)
    assert answer.status_code == 400


def test_a_slider_that_is_moved_by_keys_keeps_the_focus(browser: Browser, client: Client) -> None:
    address = f"{client.base_url}".rstrip("/") + "/cash"
    with opened(browser, address, extra_http_headers={"Authorization": "Bearer finance"}) as page:
        for moved in (1, 2):
            slider = page.locator("#effective_at-slide")
            before = int(slider.input_value())
            if moved == 1:
                slider.focus()
            with page.expect_navigation():
                page.keyboard.press("ArrowLeft")
                page.keyboard.press("ArrowLeft")
            assert int(slider.input_value()) == before - 2
            assert page.evaluate("[document.activeElement.id, sessionStorage.length]") == ["effective_at-slide", 0]


def test_a_processor_is_led_to_nothing_that_it_may_not_see(client: Client) -> None:
    own = client.as_("processor")
    text = own.get("/payouts", params={"limit": 5}, headers={"Accept": "text/html"}).text
    assert "/bank-file" in text
    assert 'action="/search"' not in text
    content = text.partition("<main")[2]
    hrefs = {part.partition('"')[0].replace("&amp;", "&") for part in content.split('href="')[1:]}
    for href in {each for each in hrefs if not each.endswith("/bank-file")}:
        assert own.get(href, follow_redirects=True).status_code == 200, href
