"""Administrators do on pages what they do over HTTP: webhooks are added, tried, given another secret and removed."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from ledger.access.duties import Duty
from tests.support.browser import follow
from tests.support.forms import complaint, fits
from tests.support.live import Live

PUBLIC = "https://8.8.8.8/hooks/wattledger"


@pytest.fixture(scope="module")
def ada(people: Callable[..., Page]) -> Page:
    return people("Ada", Duty.ADMIN)


def press(page: Page, form: str) -> None:
    follow(page.locator(f"#{form} > button"))


def secret(page: Page) -> str:
    return page.locator("[data-field=secret]").inner_text().strip()


def added(page: Page) -> str:
    """An endpoint that hears of payouts that failed, whose page is left open: its secret."""
    page.goto("/webhooks")
    page.fill("#add-url", PUBLIC)
    page.focus("#add-types\\.payout\\.failed")
    page.keyboard.press("Space")
    press(page, "add")
    shown = secret(page)
    follow(page.get_by_role("link", name="To the endpoint"))
    return shown


def test_what_is_no_endpoint_is_refused_beside_its_field_and_the_secret_of_one_is_shown_once(ada: Page) -> None:
    ada.goto("/webhooks")
    assert "Nobody is told anything by webhooks." in ada.locator("main").inner_text()
    fits(ada)
    ada.fill("#add-url", "https://127.0.0.1/inside")
    ada.check("#add-types\\.payout\\.paid")
    press(ada, "add")
    assert ada.locator("#add-url").get_attribute("aria-invalid") == "true"
    assert ada.is_checked("#add-types\\.payout\\.paid")
    assert not ada.is_checked("#add-types\\.payout\\.failed")
    ada.fill("#add-url", PUBLIC)
    ada.uncheck("#add-types\\.payout\\.paid")
    press(ada, "add")
    assert "types" in complaint(ada)
    fits(ada)
    ada.check("#add-types\\.payout\\.failed")
    press(ada, "add")
    shown = secret(ada)
    assert shown.startswith("whsec_")
    fits(ada)
    ada.reload()
    assert "It was shown once" in ada.locator("main").inner_text()
    assert shown not in ada.content()


def test_an_endpoint_is_tried_and_sent_a_message_again(system: Live, ada: Page) -> None:
    added(ada)
    assert "a payout failed" in ada.locator("main dl").inner_text()
    assert "It was sent nothing yet." in ada.locator("main").inner_text()
    fits(ada)
    press(ada, "test")
    assert "webhook.test" in ada.locator("main table").inner_text()
    assert ada.locator("#resend").count() == 0
    set_failed = (
        "UPDATE access.webhook_delivery SET status = 'FAILED', next_at = NULL, answer = 503 WHERE status = 'PENDING' "
        "RETURNING id"
    )
    ((message,),) = system.rows(set_failed)
    ada.reload()
    fits(ada)
    ada.select_option("#resend-delivery_id", message)
    press(ada, "resend")
    assert system.rows("SELECT id, status FROM access.webhook_delivery") == [(message, "PENDING")]


def test_an_endpoint_is_given_another_secret_and_removed_for_good(system: Live, ada: Page) -> None:
    first = added(ada)
    press(ada, "rotate")
    assert secret(ada) not in ("", first)
    follow(ada.get_by_role("link", name="To the endpoint"))
    assert "The secret before signs too" in ada.locator("main dl").inner_text()
    place = ada.url
    ada.locator("#remove-sure").evaluate("each => each.removeAttribute('required')")
    press(ada, "remove")
    assert "Tick this first." in ada.locator("#remove").inner_text()
    ada.check("#remove-sure")
    press(ada, "remove")
    assert ada.url.endswith("/webhooks")
    answer = ada.goto(place)
    assert answer is not None
    assert answer.status == 404
    id_ = place.rpartition("/")[2]
    assert system.rows("SELECT FROM access.webhook_endpoint WHERE id = %s", id_) == []


def test_keys_are_looked_at(system: Live, ada: Page) -> None:
    key_id = system.key(Duty.AUDITOR, name="reports").split("_")[1]
    ada.goto("/keys")
    fits(ada)
    row = ada.locator(f"tr[data-kind='api_key'][data-id='{key_id}']").inner_text()
    assert "reports" in row
    assert "AUDITOR" in row
    shown = [each.inner_text() for each in ada.locator("tr[data-kind='decision_key']").all()]
    assert [each.split() for each in shown] == [["tests", "SIGNS"]]
    assert "wl_" not in ada.locator("main").inner_text()


def test_nobody_else_sees_webhooks(fred: Page, ada: Page) -> None:
    for page in (fred, ada):
        page.goto("/health")
    assert fred.get_by_role("link", name="Webhooks").count() == 0
    assert ada.get_by_role("link", name="Webhooks").count() == 1
    answer = fred.goto("/webhooks")
    assert answer is not None
    assert answer.status == 403
