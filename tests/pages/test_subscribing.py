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
def tilda(system: Live, people: Callable[..., Page]) -> Page:
    """Somebody of the operator."""
    system.tell(operator(OPERATOR))
    return people("Tilda", Duty.OPERATOR, OPERATOR)


@pytest.fixture(scope="module", autouse=True)
def _set(system: Live, tilda: Page) -> None:
    """A subscription, which its operator added on the page."""
    tilda.goto("/subscriptions")
    assert "No operator is told of anything." in tilda.locator("main").inner_text()
    fits(tilda)
    # Her own stands there already.
    assert tilda.input_value("#add-operator_id") == OPERATOR
    tilda.select_option("#add-channel", "WEBHOOK")
    state = send(tilda, "add", subscription_id="hook", events="payout.*, charger.down", target=HOOK)
    assert state == "TAKEN"
    subscribed.bring(system)


def test_what_is_no_target_is_refused_beside_its_field_and_what_was_written_stays(tilda: Page) -> None:
    tilda.goto("/subscriptions")
    for name, value in {
        "events": "payout.*",
        "target": "https://127.0.0.1/in",
        "from": "22:00",
        "to": "06:00",
    }.items():
        tilda.fill(f"#add-{name}", value)
    tilda.select_option("#add-channel", "WEBHOOK")
    tilda.select_option("#add-digest", "DAILY")
    follow(tilda.locator("#add > button"))
    assert tilda.locator("#add-target").get_attribute("aria-invalid") == "true"
    assert (tilda.input_value("#add-digest"), tilda.input_value("#add-from")) == ("DAILY", "22:00")
    fits(tilda)
    tilda.fill("#add-target", "https://8.8.8.8/in")
    tilda.fill("#add-events", "Payout Paid")
    follow(tilda.locator("#add > button"))
    assert tilda.locator("#add-events").get_attribute("aria-invalid") == "true"
    tilda.fill("#add-events", "payout.*")
    tilda.fill("#add-operator_id", "OP-ANOTHER")
    follow(tilda.locator("#add > button"))
    assert "OP-ANOTHER" in complaint(tilda)
    assert tilda.locator("#add-operator_id").get_attribute("aria-invalid") == "true"


def test_a_subscription_is_tried_given_a_secret_and_changed(system: Live, tilda: Page) -> None:
    tilda.goto("/subscriptions")
    follow(tilda.get_by_role("link", name="hook", exact=True))
    follow(tilda.locator("#secret > button"))
    assert tilda.locator("[data-field=secret]").inner_text().strip().startswith("whsec_")
    fits(tilda)
    follow(tilda.get_by_role("link", name="To the subscription"))
    follow(tilda.locator("#test > button"))
    assert "notify.test" in tilda.locator("main table").inner_text()
    fits(tilda)
    assert tilda.is_checked("#change-enabled")
    assert tilda.input_value("#change-events") == "payout.*, charger.down"
    tilda.uncheck("#change-enabled")
    assert send(tilda, "change", **{"from": "22:00", "to": "06:30"}) == "TAKEN"
    subscribed.bring(system)
    follow(tilda.get_by_role("link", name=f"{OPERATOR}/hook"))
    shown = tilda.locator("main dl").inner_text()
    assert "22:00 to 06:30" in shown
    assert tilda.locator("h1 .badge").inner_text() == "DISABLED"
    assert not tilda.is_checked("#change-enabled")
    assert tilda.locator("#test").count() == 0
    tilda.check("#change-enabled")
    assert send(tilda, "change", **{"from": "", "to": ""}) == "TAKEN"
    subscribed.bring(system)


def test_what_was_told_is_listed_and_sent_again(system: Live, tilda: Page, fred: Page) -> None:
    told = subscribed.tell(system, f"{OPERATOR}/hook", cause="EVSE-7")
    with system.gate.door.transaction() as cursor:
        cursor.execute(
            "UPDATE access.notice_delivery SET status = 'FAILED', next_at = NULL, attempts = 10, answer = 503, "
            "error = 'it answered 503' WHERE id = %s",
            (told,),
        )
    for page in (tilda, fred):
        page.goto(f"/notices?operator_id={OPERATOR}&status=FAILED&type=charger.down")
        row = page.locator(f"tr[data-kind=notice][data-id={told}]")
        assert "still open" in row.inner_text()
        assert "it answered 503" in row.inner_text()
        assert "abc" not in page.content()
    fits(tilda)
    tilda.goto("/notices")
    follow(tilda.get_by_role("link", name="What is still open"))
    assert tilda.locator("tr[data-kind=notice]").count() == 1
    follow(tilda.locator(f"tr[data-id={told}] a").first)
    assert "EVSE-7" in tilda.locator("[data-field=raw]").inner_text()
    fits(tilda)
    follow(tilda.locator("#replay > button"))
    assert tilda.locator("h1 .badge").inner_text() == "PENDING"
    tilda.goto("/notices?status=LOST")
    assert "is one of" in tilda.locator("main").inner_text()


def test_who_only_reads_sees_no_form_and_another_operator_nothing(people: Callable[..., Page], anna: Page) -> None:
    anna.goto(f"/subscriptions/{OPERATOR}/hook")
    assert anna.locator("main form").count() == 0
    otto = people("Otto", Duty.OPERATOR, "OP-OTHER")
    answer = otto.goto(f"/subscriptions/{OPERATOR}/hook")
    assert answer is not None
    assert answer.status == 404
    otto.goto("/notices")
    assert otto.locator("tr[data-kind=notice]").count() == 0
