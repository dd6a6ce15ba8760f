"""Every table of every page can be had as CSV and as a workbook, and no link to a file leads nowhere."""

import csv
import re
from collections.abc import Iterator
from html import unescape
from io import BytesIO, StringIO
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest
from openpyxl import load_workbook

from api.pages.page import PageRoute
from api.pages.subjects import ROUTES
from tests.support.settled import settled_network
from tests.support.surface import Client, serving

PLACES = [
    *("/cash", "/operators", "/payouts", "/approvals", "/sessions", "/journal", "/accounts", "/trial-balance"),
    *("/breaks", "/dead-letters", "/tariffs", "/partners", "/health", "/operators/OP-1", "/accounts?code=2010"),
    *("/accounts?account=2010/OP-1", "/adjustments?operator_id=OP-1&currency=EUR&amount=1.00", "/rerating-orders"),
    *("/write-offs?account=2010/OP-1&state=PROPOSED", "/operators/OP-1/instant-payout", "/operators/OP-1/reserves"),
]
# Pages of single objects, found by links; as many of each kind are looked at.
OF_EACH = 2
_KINDS = re.compile(r'href="(/(?:payouts|sessions|entries|events|dead-letters|tariffs|operators)/[^"?]+)')
_FILES = re.compile(r'href="([^"]*[?&;]format=(?:csv|xlsx)[^"]*)"')
_TABLES = re.compile(r'<table role="table">.*?</table>', re.DOTALL)


@pytest.fixture(scope="module")
def client(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder: Path = tmp_path_factory.mktemp("tables")
    with settled_network(postgres_dsn, "tables_as_files", folder) as dsn, serving(dsn) as client:
        client.headers["Accept"] = "text/html"
        yield client


@pytest.fixture(scope="module")
def pages(client: Client) -> dict[str, str]:
    """The pages there are, by their addresses."""
    found: dict[str, str] = {}
    waiting, seen = list(PLACES), dict[str, int]()
    while waiting:
        address = waiting.pop(0)
        answer = client.get(address)
        if address in found or answer.status_code != 200:
            continue
        found[address] = answer.text
        for link in dict.fromkeys(map(unescape, _KINDS.findall(answer.text))):
            kind = link.split("/")[1] + str(link.count("/"))
            if link not in found and link not in waiting and seen.get(kind, 0) < OF_EACH:
                seen[kind] = seen.get(kind, 0) + 1
                waiting.append(link)
    assert len(found) > 15
    return found


def test_every_table_with_rows_has_links_to_its_files(pages: dict[str, str]) -> None:
    for address, text in pages.items():
        tables = [each for each in _TABLES.findall(text) if "<thead" in each and 'class="empty"' not in each]
        links = [unescape(link) for link in _FILES.findall(text)]
        assert len([link for link in links if "format=csv" in link]) >= len(tables), address
        assert len([link for link in links if "format=xlsx" in link]) >= len(tables), address


def test_every_link_to_a_file_gives_one(client: Client, pages: dict[str, str]) -> None:
    links = {unescape(link) for text in pages.values() for link in _FILES.findall(text)}
    assert len(links) > 30
    for link in sorted(links):
        answer = client.get(link, follow_redirects=True, headers={"Accept": "*/*"})
        assert answer.status_code == 200, (link, answer.text[:300])
        assert answer.headers["content-disposition"].startswith("attachment"), link
        if "format=csv" in link:
            header, *rows = csv.reader(StringIO(answer.text, newline=""), strict=True)
            assert all(len(row) == len(header) for row in rows), link
        else:
            assert load_workbook(BytesIO(answer.content), read_only=True).sheetnames[1] == "About", link


# What a page may be narrowed by, each with a value that there is something of.
NARROWED_BY = {
    "operator_id": "OP-1",
    "location_id": "LOC-1",
    "evse_uid": "EVSE-1",
    "session_id": "S-1",
    "tariff_id": "T-1",
    "payout_id": "00000000-0000-4000-8000-000000000000",
    "event_id": "00000000-0000-4000-8000-000000000000",
    "currency": "EUR",
    "from": "2026-03-01",
    "to": "2026-03-31",
    "date": "2026-03-20",
    "month": "2026-03",
    "code": "2010",
    "account": "2010/OP-1",
    "amount": "1.00",
    "q": "OP-1",
}


def test_a_file_of_what_a_page_is_narrowed_by_is_narrowed_by_it_too(client: Client) -> None:
    paths = client.document("/v1/openapi.json")["paths"]
    forms = {re.compile(re.sub(r"\{[^}]*\}", "[^/]+", path)): has.get("get", {}) for path, has in paths.items()}
    known = {form: {each["name"] for each in get.get("parameters", ())} for form, get in forms.items()}
    judged, wrong = set[tuple[str, str]](), []
    for route in ROUTES:
        if not isinstance(route, PageRoute) or "{" in route.path:
            continue
        for name in sorted(route.known_parameters & NARROWED_BY.keys()):
            answer = client.get(f"{route.path}?{name}={NARROWED_BY[name]}")
            for link in map(unescape, _FILES.findall(answer.text)):
                path, asked = urlsplit(link).path, dict(parse_qsl(urlsplit(link).query))
                if "table" in asked or name not in asked:
                    continue
                judged.add((route.path, name))
                takes = next((names for form, names in known.items() if form.fullmatch(path)), set())
                if not asked.keys() <= takes or client.get(link, headers={"Accept": "*/*"}).is_error:
                    wrong.append((route.path, link, sorted(asked.keys() - takes)))
    assert wrong == [], "\n".join(map(str, wrong))
    assert len(judged) > 20, judged


def test_a_table_of_a_page_has_its_amounts_with_their_currency(client: Client) -> None:
    answer = client.get("/breaks?table=sums&format=csv", headers={"Accept": "*/*"})
    header, *rows = csv.reader(StringIO(answer.text, newline=""), strict=True)
    assert header == ["kind", "findings", "amount", "amount_currency", "since"]
    assert rows
    assert answer.headers["content-disposition"] == 'attachment; filename="breaks-sums.csv"'


@pytest.mark.parametrize(
    "address", ["/health?table=nothing&format=csv", "/health?table=runs&format=pdf", "/health?table=runs"]
)
def test_a_table_that_is_none_is_a_bad_parameter(client: Client, address: str) -> None:
    assert client.get(address).status_code == 400
