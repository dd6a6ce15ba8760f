"""The page of the API: every resource, from the description alone; for anybody, on any width."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from api.openapi import openapi_document, operations
from projections.schema import migrate
from tests.support.browser import WIDTHS, axe_violations, opened, overflow
from tests.support.surface import Client, serving


@pytest.fixture(scope="module")
def client(postgres_dsn: str) -> Iterator[Client]:
    migrate(postgres_dsn)
    with serving(postgres_dsn) as client:
        yield client


def test_every_resource_has_its_page_and_nothing_comes_from_elsewhere(client: Client) -> None:
    nobody = {"Authorization": ""}
    contents = client.get("/docs", headers=nobody)
    assert contents.status_code == 200
    for path, method, operation in operations(openapi_document()):
        page = client.get(f"/docs/{operation['operationId']}", headers=nobody)
        assert page.status_code == 200
        assert f'href="/docs/{operation["operationId"]}"' in contents.text
        for text in (f"{method.upper()} {path}", *(each["name"] for each in operation.get("parameters", ()))):
            assert text in page.text
        assert all(f">{status}<" in page.text for status in operation["responses"])
        assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", page.text)
    assert client.get("/docs/nothing", headers=nobody).status_code == 404


@pytest.mark.parametrize("path", ["/docs", "/docs/dead_letters_one"])
@pytest.mark.parametrize(("width", "scheme"), [("broad", "light"), ("narrow", "dark")])
def test_nothing_bars_anybody(browser: Browser, client: Client, path: str, width: str, scheme: str) -> None:
    address = str(client.base_url.join(path))
    size = {"width": WIDTHS[width], "height": 900}
    with opened(browser, address, viewport=size, color_scheme=scheme) as page:
        assert axe_violations(page) == []
        assert overflow(page) == 0
