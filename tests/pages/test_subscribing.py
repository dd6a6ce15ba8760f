"""Of what operators are told, set on pages in a real browser: by the operator herself, tried, and read of."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

from ledger.access.duties import Duty
from tests.support import subscribed
from tests.support.browser import follow
from tests.support.events import operator
from tests.support.forms import complaint, fits, send
from tests.support.live import Live

OPERATOR = "OP-TOLD"
HOOK = "https://8.8.8.8/hooks/charging?token=abc"


@pytest.fixture(scope="module")
def olga(system: Live, people: Callable[..., Page]) -> Page:
    """Somebody of the operator."""
    system.tell(operator(OPERATOR))
    return people("Olga", Duty.OPERATOR, OPERATOR)


@pytest.fixture(scope="module", autouse=True)
def _set(system: Live, olga: Page) -> None:
    """A subscription, which its operator added on the page."""
    olga.goto("/subscriptions")
    assert "No operator is told of anything." in olga.locator("main").inner_text()
    fits(olga)
    # Her own stands there already.
    assert olga.input_value("#add-operator_id") == OPERATOR
    olga.select_option("#add-channel", "WEBHOOK")
    state = send(olga, "add", subscription_id="hook", events="payout.*, charger.down", target=HOOK)
    assert state == "TAKEN"
    subscribed.bring(system)


def test_what_is_no_target_is_refused_beside_its_field_and_what_was_written_stays(olga: Page) -> None:
    olga.goto("/subscriptions")
    for name, value in {
        "events": "payout.*",
        "target": "https://127.0.0.1/in",
        "from": "22:00",
        "to": "06:00",
    }.items():
        olga.fill(f"#add-{name}", value)
    olga.select_option("#add-channel", "WEBHOOK")
    olga.select_option("#add-digest", "DAILY")
    follow(olga.locator("#add > button"))
    assert olga.locator("#add-target").get_attribute("aria-invalid") == "true"
    assert (olga.input_value("#add-digest"), olga.input_value("#add-from")) == ("DAILY", "22:00")
    fits(olga)
    olga.fill("#add-target", "https://8.8.8.8/in")
    olga.fill("#add-events", "Payout Paid")
    follow(olga.locator("#add > button"))
    assert olga.locator("#add-events").get_attribute("aria-invalid") == "true"
    olga.fill("#add-events", "payout.*")
    olga.fill("#add-operator_id", "OP-ANOTHER")
    follow(olga.locator("#add > button"))
    assert "OP-ANOTHER" in complaint(olga)
    assert olga.locator("#add-operator_id").get_attribute("aria-invalid") == "true"


def test_a_subscription_is_tried_given_a_secret_and_changed(system: Live, olga: Page) -> None:
    olga.goto("/subscriptions")
    follow(olga.get_by_role("link", name="hook", exact=True))
    follow(olga.locator("#secret > button"))
    assert olga.locator("[data-field=secret]").inner_text().strip().startswith("whsec_")
    fits(olga)
    follow(olga.get_by_role("link", name="To the subscription"))
    follow(olga.locator("#test > button"))
    assert "notify.test" in olga.locator("main table").inner_text()
    fits(olga)
    assert olga.is_checked("#change-enabled")
    assert olga.input_value("#change-events") == "payout.*, charger.down"
    olga.uncheck("#change-enabled")
    assert send(olga, "change", **{"from": "22:00", "to": "06:30"}) == "TAKEN"
    subscribed.bring(system)
    follow(olga.get_by_role("link", name=f"{OPERATOR}/hook"))
    shown = olga.locator("main dl").inner_text()
    assert "22:00 to 06:30" in shown
    assert olga.locator("h1 .badge").inner_text() == "DISABLED"
    assert not olga.is_checked("#change-enabled")
    assert olga.locator("#test").count() == 0
    olga.check("#change-enabled")
    assert send(olga, "change", **{"from": "", "to": ""}) == "TAKEN"
    subscribed.bring(system)


def test_what_was_told_is_listed_and_sent_again(system: Live, olga: Page, fred: Page) -> None:
    told = subscribed.tell(system, f"{OPERATOR}/hook", cause="EVSE-7")
    with system.gate.door.transaction() as cursor:
        cursor.execute(
            "UPDATE access.notice_delivery SET status = 'FAILED', next_at = NULL, attempts = 10, answer = 503, "
            "error = 'it answered 503' WHERE id = %s",
            (told,),
        )
    for page in (olga, fred):
        page.goto(f"/notices?operator_id={OPERATOR}&status=FAILED&type=charger.down")
        row = page.locator(f"tr[data-kind=notice][data-id={told}]")
        assert "still open" in row.inner_text()
        assert "it answered 503" in row.inner_text()
        assert "abc" not in page.content()
    fits(olga)
    olga.goto("/notices")
    follow(olga.get_by_role("link", name="What is still open"))
    assert olga.locator("tr[data-kind=notice]").count() == 1
    follow(olga.locator(f"tr[data-id={told}] a").first)
    assert "EVSE-7" in olga.locator("[data-field=raw]").inner_text()
    fits(olga)
    follow(olga.locator("#replay > button"))
    assert olga.locator("h1 .badge").inner_text() == "PENDING"
    olga.goto("/notices?status=LOST")
    assert "is one of" in olga.locator("main").inner_text()


def test_who_only_reads_sees_no_form_and_another_operator_nothing(people: Callable[..., Page], anna: Page) -> None:
    anna.goto(f"/subscriptions/{OPERATOR}/hook")
    assert anna.locator("main form").count() == 0
    otto = people("Otto", Duty.OPERATOR, "OP-OTHER")
    answer = otto.goto(f"/subscriptions/{OPERATOR}/hook")
    assert answer is not None
    assert answer.status == 404
    otto.goto("/notices")
    assert otto.locator("tr[data-kind=notice]").count() == 0
