"""Sessions are rated anew on a page: what it would come to is shown first, and then it is ordered."""

from collections.abc import Callable

import orjson
from playwright.sync_api import Page

from tests.support.browser import follow
from tests.support.events import tariff
from tests.support.forms import complaint, fits, send
from tests.support.live import Live
from tests.support.surface import Client


def ask(page: Page, **fields: str) -> None:
    for name, text in fields.items():
        page.fill(f"#preview-{name}", text)
    follow(page.locator("#preview > button"))


def test_an_order_is_previewed_and_given(
    system: Live, fred: Page, anna: Page, reads: Client, earning: Callable[..., str]
) -> None:
    name = earning()
    system.tell(tariff(name, "T-CHEAP", price=0.3))
    fred.goto(f"/tariffs/{name}/T-CHEAP")
    follow(fred.get_by_role("link", name="Rate sessions anew by it"))
    assert (fred.input_value("#preview-operator_id"), fred.input_value("#preview-tariff_id")) == (name, "T-CHEAP")
    assert fred.locator("#order").count() == 0
    fits(fred)
    ask(fred, **{"from": "2026-03-02", "to": "2026-03-03", "tariff_id": "T-NONE"})
    assert "published no tariff" in fred.locator("#preview-tariff_id-wrong").inner_text()
    assert (fred.input_value("#preview-from"), fred.input_value("#preview-to")) == ("2026-03-02", "2026-03-03")
    assert "Nothing was done." in complaint(fred)
    fits(fred)
    ask(fred, tariff_id=f"T-{name}")
    assert "Nothing would change" in fred.locator("main").inner_text()
    assert fred.locator("#order").count() == 0
    ask(fred, tariff_id="T-CHEAP")
    row = fred.locator(f"tr[data-id='S-{name}']").inner_text()
    assert "12.10" in row
    assert "7.26" in row
    fits(fred)
    fred.locator("#order-reason").evaluate("each => each.removeAttribute('required')")
    follow(fred.locator("#order > button"))
    assert fred.locator("#order-reason").get_attribute("aria-invalid") == "true"
    assert fred.locator(f"tr[data-id='S-{name}']").count() == 1
    assert send(fred, "order", reason="the price was announced wrongly") == "TAKEN"
    follow(fred.get_by_role("link", name="To what it is about"))
    assert "the price was announced wrongly" in fred.locator("#orders").inner_text()
    system.seen(f"/v1/sessions/S-{name}", reads, lambda each: "7.26" in orjson.dumps(each).decode())
    anna.goto("/rerating-orders")
    assert "Finance orders sessions rated anew; your role is approver." in anna.locator("main").inner_text()
    assert anna.locator("form.act").count() == 0
