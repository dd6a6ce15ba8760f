"""Pages of breaks, dead letters and partners: sums and their parts, hostile texts as text, in a real browser."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from random import Random
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser, Page

from projections.runner import catch_up
from tests.support.browser import WIDTHS, axe_violations, follow, opened, overflow
from tests.support.engine import Engine
from tests.support.histories import UNTIL, history
from tests.support.surface import Client, serving

HOSTILE = {
    "markup": b"<script>document.title='mine'</script><b>not bold</b>",
    "control": b"a\x00b\x1b[31m",
    "direction": "\u202eevil\u202c".encode(),
    "long": b"x" * 2**20,
    "bytes": b"\xff\xfe\x00",
}
AS_FINANCE = {"Authorization": "Bearer finance"}


@pytest.fixture(scope="module")
def client(postgres_dsn: str) -> Iterator[Client]:
    """The application on a store in which much goes wrong."""
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE break_pages")
        engine = Engine(f"{postgres_dsn.rpartition('/')[0]}/break_pages")
        engine.feed([*HOSTILE.values(), *history(Random(7), 12)])
        engine.advance(UNTIL)
        catch_up(engine.dsn)
        engine.close()
        with serving(engine.dsn) as client:
            yield client
        connection.execute("DROP DATABASE break_pages WITH (FORCE)")


@pytest.fixture(scope="module")
def letters(client: Client) -> dict[str, str]:
    """The ids of the hostile dead letters by their names."""
    found: dict[str, str] = {}
    for each in client.walk("/v1/dead-letters", topic="fed"):
        record = client.get(f"/v1/dead-letters/{each['deadletter_id']}/record", headers={"Accept": "*/*"}).content
        found |= {name: each["deadletter_id"] for name, value in HOSTILE.items() if value == record}
    assert set(found) == set(HOSTILE)
    return found


def shown(browser: Browser, client: Client, path: str, **how: Any) -> AbstractContextManager[Page]:
    """A page in a browser, as finance sees it."""
    return opened(browser, f"{client.base_url}".rstrip("/") + path, extra_http_headers=AS_FINANCE, **how)


@pytest.mark.parametrize(("width", "scheme"), [(WIDTHS["broad"], "light"), (WIDTHS["narrow"], "dark")])
def test_pages_are_accessible_and_nothing_scrolls_sideways(
    browser: Browser, client: Client, letters: dict[str, str], width: int, scheme: str
) -> None:
    letter = f"/dead-letters/{letters['markup']}"
    for path in ("/breaks", "/dead-letters", letter, "/partners"):
        with shown(browser, client, path, viewport={"width": width, "height": 900}, color_scheme=scheme) as page:
            assert axe_violations(page) == [], path
            assert overflow(page) == 0, path
            assert page.title() != "mine"


def test_a_sum_opens_its_parts_which_state_the_same_sum(browser: Browser, client: Client) -> None:
    with shown(browser, client, "/breaks") as page:
        links = page.locator("tr[data-kind=kind] a.figure")
        assert links.count() > 3
        for number in range(min(links.count(), 5)):
            link = page.locator("tr[data-kind=kind] a.figure").nth(number)
            stated = link.locator("data").get_attribute("value")
            follow(link)
            assert page.locator("data[data-field=total]").get_attribute("value") == stated
            page.go_back()


def test_all_breaks_are_reached_page_by_page(browser: Browser, client: Client) -> None:
    everything = [each["subject"] for each in client.walk("/v1/breaks")]
    found: list[str] = []
    with shown(browser, client, "/breaks?limit=7") as page:
        while True:
            rows = page.locator("tr[data-kind=break]")
            found += [rows.nth(number).get_attribute("data-id") or "" for number in range(rows.count())]
            following = page.get_by_role("link", name="Next page")
            if not following.count():
                break
            follow(following)
    assert found == everything


@pytest.mark.parametrize("path", ["/breaks?kind=UNCAPTURED&limit=1", "/dead-letters?code=NONE", "/partners"])
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_table_leads_to_all_its_rows_as_a_file(client: Client, path: str, form: str) -> None:
    page = client.get(path, headers={"Accept": "text/html"})
    assert f"format={form}" in page.text
    answer = client.get(path + ("&" if "?" in path else "?") + f"format={form}", follow_redirects=True)
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].endswith(f'.{form}"')


def test_a_hostile_record_is_shown_as_text(browser: Browser, client: Client, letters: dict[str, str]) -> None:
    texts = {}
    for name, id_ in letters.items():
        with shown(browser, client, f"/dead-letters/{id_}") as page:
            texts[name] = page.locator("[data-field=raw]").text_content() or ""
            assert page.locator("main b").count() == 0
    assert texts.pop("long").startswith("xxxx")
    assert texts == {
        "markup": HOSTILE["markup"].decode(),
        "control": "a\\x00b\\x1b[31m",
        "direction": "\u202eevil\u202c",
        "bytes": "//4A",
    }


@pytest.mark.parametrize("path", ["/breaks", "/dead-letters", "/partners", "/dead-letters/nothing"])
def test_an_operator_is_told_that_its_role_may_not(client: Client, path: str) -> None:
    answer = client.as_("operator:OP-1").get(path, headers={"Accept": "text/html"})
    assert answer.status_code == 403
    assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/dead-letters/nothing", 404),
        ("/breaks?kind=NONSENSE", 400),
        ("/breaks?cursor=x", 400),
        ("/breaks?nonsense=1", 400),
        ("/dead-letters?replayed=perhaps", 400),
        ("/dead-letters?limit=0", 400),
    ],
)
def test_what_cannot_be_shown_is_a_page_that_says_so(client: Client, path: str, status: int) -> None:
    answer = client.get(path, headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (status, "text/html")
