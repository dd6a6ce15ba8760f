"""Sessions, entries, events, CDRs and search as pages: each figure opens what it is made of, down to the raw text."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.support.browser import WIDTHS, axe_violations, opened, overflow
from tests.support.settled import settled_network
from tests.support.surface import Client, serving

BEARER = {"Authorization": "Bearer finance"}


@pytest.fixture(scope="module")
def client(postgres_dsn: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder: Path = tmp_path_factory.mktemp("files")
    with settled_network(postgres_dsn, "pages_followed", folder) as dsn, serving(dsn) as client:
        client.headers["Accept"] = "text/html, application/json"
        yield client


def document(client: Client, path: str, **parameters: Any) -> Any:
    answer = client.get(path, params=parameters, headers={"Accept": "application/json"})
    assert answer.status_code == 200, answer.text
    return answer.json()


def text(client: Client, path: str, **parameters: Any) -> str:
    answer = client.get(path, params=parameters or None)
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.fixture(scope="module")
def paths(client: Client) -> dict[str, str]:
    """One page of each sort: of a session that is paid, and all that it leads to."""
    [hit] = document(client, "/v1/search", q="REF-1")["data"]
    payout_id = hit["href"].rpartition("/")[2]
    entries = document(client, "/v1/entries", payout_id=payout_id)["data"]
    session = next(each for each in document(client, "/v1/sessions", state="RATED")["data"])
    moments = document(client, f"/v1/sessions/{session['session_id']}/timeline")["data"]
    message = next(each for each in moments if each["kind"] == "message")
    cdrs = document(client, "/v1/cdrs")["data"]
    tariff = document(client, "/v1/tariffs")["data"][0]
    return {
        "sessions": "/sessions",
        "session": f"/sessions/{session['session_id']}",
        "entry": f"/entries/{entries[0]['entry_id']}",
        "decision": f"/events/{entries[0]['cause']}",
        "message": f"/events/{message['event_id']}",
        "cdr": f"/cdrs/{cdrs[0]['id']}",
        "tariffs": "/tariffs",
        "tariff": f"/tariffs/{tariff['operator_id']}/{tariff['tariff_id']}",
        "search": "/search?q=nothing-has-this",
    }


def test_an_entry_leads_to_its_raw_text_in_three_clicks(client: Client) -> None:
    for entry in document(client, "/v1/entries", kind="J01c")["data"][:3]:
        page = text(client, f"/entries/{entry['entry_id']}")
        for line in entry["postings"]:
            assert f'value="{line["amount"]}" data-currency="{entry["currency"]}"' in page
            assert line["account"] in page
        event = re.search(rf'href="(/events/{entry["cause"]})"', page)
        assert event is not None
        said = re.search(r'<tr role="row" data-kind="message".*?href="(/events/[^"]+)"', text(client, event[1]), re.S)
        assert said is not None
        raw = text(client, said[1])
        assert 'href="#raw"' in raw
        assert 'data-field="raw"' in raw
        assert "payment_id" in raw.partition('data-field="raw"')[2]


def test_a_session_shows_its_whole_way(client: Client, paths: dict[str, str]) -> None:
    page = text(client, paths["session"])
    moments = document(client, f"/v1{paths['session']}/timeline")["data"]
    assert page.count('data-kind="moment"') == len(moments)
    for each in moments:
        assert f'datetime="{each["at"]}"' in page
    row = next(each for each in client.walk("/v1/sessions") if paths["session"].endswith(each["session_id"]))
    for name in ("gross", "commission", "operator_share"):
        assert f'value="{row[name]}" data-currency="{row["currency"]}" data-field="{name}"' in page


def test_whatever_is_on_the_way_of_a_session_opens(client: Client) -> None:
    """Lines of a settlement, too, which the stream of the session has and no message of its own."""
    types: dict[str, str] = {}
    for session in document(client, "/v1/sessions", state="RATED")["data"][:12]:
        for each in document(client, f"/v1/sessions/{session['session_id']}/timeline")["data"]:
            if each["kind"] in ("message", "decision"):
                types[each["type"]] = each["event_id"]
    assert "payment.settled.item" in types
    for event_id in types.values():
        assert document(client, f"/v1/events/{event_id}")["event_id"] == event_id
        text(client, f"/events/{event_id}")
    [hit] = document(client, "/v1/search", q=types["payment.settled.item"])["data"]
    assert (hit["kind"], hit["id"]) == ("event", types["payment.settled.item"])


def test_sessions_are_listed_by_what_is_asked(client: Client) -> None:
    page = text(client, "/sessions", state="RATED")
    listed = document(client, "/v1/sessions", state="RATED")
    assert re.findall(r'data-kind="session" data-id="([^"]+)"', page) == [
        each["session_id"] for each in listed["data"]
    ]
    answer = client.get("/sessions", params={"state": "RATED", "format": "csv"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/v1/sessions?state=RATED&format=csv"
    assert client.get("/sessions", params={"colour": "red"}).status_code == 400


def test_search_goes_straight_to_the_one_thing_that_is_meant(client: Client, paths: dict[str, str]) -> None:
    for name, kind in (("session", "sessions"), ("entry", "entries"), ("cdr", "cdrs"), ("decision", "events")):
        id_ = paths[name].rpartition("/")[2]
        answer = client.get("/search", params={"q": f" {id_.upper() if kind == 'entries' else id_} "})
        assert (answer.status_code, answer.headers["location"]) == (303, paths[name])
    by_beginning = client.get("/search", params={"q": paths["entry"].rpartition("/")[2][:8]})
    assert (by_beginning.status_code, by_beginning.headers["location"]) == (303, paths["entry"])
    assert "Nothing that you may see" in text(client, "/search", q="nothing-has-this")
    account = client.get("/search", params={"q": "1010"})
    assert account.headers["location"] == "/accounts?account=1010"
    assert client.get("/search", params={"q": "x" * 301}).status_code == 400


def test_an_operator_follows_its_own_and_no_other(client: Client) -> None:
    sessions = [*client.walk("/v1/sessions")]
    first = sessions[0]["operator_id"]
    own = client.as_(f"operator:{first}")
    own.headers["Accept"] = "text/html, application/json"
    mine = next(each for each in sessions if each["operator_id"] == first)
    other = next(each for each in sessions if each["operator_id"] not in (first, ""))
    assert own.get(f"/sessions/{mine['session_id']}").status_code == 200
    assert own.get(f"/sessions/{other['session_id']}").status_code == 404
    entry = document(own, "/v1/entries")["data"][0]
    page = own.get(f"/entries/{entry['entry_id']}").text
    assert "Lines on your accounts" in page
    assert own.get(f"/events/{entry['cause']}").status_code == 200


def test_a_version_of_a_tariff_opens_the_sessions_that_it_rates(client: Client) -> None:
    version = next(each for each in document(client, "/v1/tariffs")["data"] if each["sessions"])
    page = text(client, "/tariffs")
    href = f"/sessions?operator_id={version['operator_id']}&amp;tariff_hash={version['hash']}"
    assert href in page
    rated = text(client, href.replace("&amp;", "&"))
    assert f'value="{version["sessions"]}" data-field="total"' in rated
    assert rated.count('data-kind="session"') == min(50, version["sessions"])
    one = text(client, f"/tariffs/{version['operator_id']}/{version['tariff_id']}")
    assert f'title="{version["hash"]}"' in one
    assert "price_components" in one


def test_what_there_is_not_is_said_on_a_page(client: Client) -> None:
    nothing = "00000000-0000-5000-8000-000000000000"
    for path in ("/sessions/x", "/entries/x", "/events/x", "/cdrs/x", f"/entries/{nothing}", f"/events/{nothing}"):
        answer = client.get(path)
        assert (answer.status_code, "There is no such thing" in answer.text) == (404, True)


@pytest.mark.parametrize(
    "name", ["sessions", "session", "entry", "decision", "message", "cdr", "tariffs", "tariff", "search"]
)
def test_everybody_can_read_it(browser: Browser, client: Client, paths: dict[str, str], name: str) -> None:
    address = f"{client.base_url}".rstrip("/") + paths[name]
    with opened(browser, address, color_scheme="light", extra_http_headers=BEARER) as page:
        assert axe_violations(page) == []
        page.emulate_media(color_scheme="dark")
        assert axe_violations(page) == []
        page.set_viewport_size({"width": WIDTHS["narrow"], "height": 800})
        assert overflow(page) == 0
