"""Business dates on an operator's pages: a picture of those to come, and why one that is over paid nothing."""

from projections.runner import catch_up
from tests.intake.test_run_terms import days
from tests.pages.html import amounts
from tests.projections.test_forecast import paid_alike
from tests.support.engine import Engine
from tests.support.surface import Client, serving

HTML = {"Accept": "text/html"}


def text_of(client: Client, path: str) -> str:
    answer = client.get(path, headers=HTML)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_what_may_come_is_drawn_with_its_bands_and_stands_in_a_table_too(engine: Engine) -> None:
    paid_alike(engine)
    with serving(engine.dsn) as client:
        text = text_of(client.as_("operator:OP-1"), "/operators/OP-1")
        then = text_of(client, "/operators/OP-1?effective_at=2026-04-02T00:00:00Z")
    assert text.count('class="band"') == 14
    assert "10.89 to 10.89" in text
    assert amounts(text, "expected") == [("10.89", "EUR")] * 14
    assert 'class="band"' not in then


def test_a_day_without_a_payout_says_why_and_is_found_from_the_list(engine: Engine) -> None:
    engine.feed(days(payout_minimum="30.00"))
    engine.advance("2026-03-06T12:00:00Z")
    catch_up(engine.dsn)
    path = "/operators/OP-1/payout-day?date=2026-03-03"
    with serving(engine.dsn) as client:
        own = client.as_("operator:OP-1")
        assert path in text_of(own, "/payouts?operator_id=OP-1&business_date=2026-03-03")
        text = text_of(own, path)
        paid = text_of(own, "/operators/OP-1/payout-day?date=2026-03-04")
        none = client.get("/operators/OP-2/payout-day", headers=HTML)
    assert "16.33 EUR would have been left after reserve and taxes; the minimum was 30.00 EUR" in text
    assert amounts(text, "amount") == [("16.33", "EUR")]
    assert "Nothing was paid in EUR" in text
    assert "Nothing was paid in" not in paid
    assert none.status_code == 404
