"""One click ends a subscription, by the link that its mail has and by no other, and nobody signs in for it."""

import logging
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.outward.sealing import Seal
from api.outward.unsubscribing import Ending, Links
from ledger.access.notice_targets import NoticeTarget
from tests.notifying.conftest import PUBLIC_URL, Office
from tests.support.browser import WIDTHS, axe_violations, chromium, context_of, overflow
from tests.support.examples import examples
from tests.support.mail_server import mail_server
from tests.support.surface import Client, guarded

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ONE_CLICK = b"List-Unsubscribe=One-Click"
SEAL = Seal()
LINKS = Links(SEAL, PUBLIC_URL)


@pytest.fixture(scope="module")
def client(notices_dsn: str) -> Iterator[Client]:
    """A client of the application that brings nothing; cookies are kept by nobody."""
    with guarded(notices_dsn, seal=SEAL) as (made, _):
        yield made


@pytest.fixture
def mailed(office: Office) -> tuple[NoticeTarget, str]:
    """A subscription by mail that was told something, and the path that its mail says ends it."""
    office.seal = SEAL
    target = office.subscribe("desk@example.org", name="Ladepark", country="DE")
    office.tell(target)
    with mail_server() as server:
        assert office.mail(server) == 1
    (mail,) = server.mails
    url = str(mail.message["list-unsubscribe"]).strip("<>")
    assert url.startswith(f"{PUBLIC_URL}/")
    return target, url.removeprefix(PUBLIC_URL)


def test_looking_at_the_link_changes_nothing_and_one_click_ends_the_subscription(
    office: Office, client: Client, mailed: tuple[NoticeTarget, str], caplog: pytest.LogCaptureFixture
) -> None:
    target, path = mailed
    with caplog.at_level(logging.DEBUG):
        shown = client.get(path)
        assert shown.status_code == 200
        assert "Keine E-Mails mehr" in shown.text
        assert "Ladepark" in shown.text
        assert shown.headers["referrer-policy"] == "no-referrer"
        assert shown.headers["cache-control"] == "no-store"
        assert office.target(target).is_enabled
        for _ in range(2):
            done = client.post(path, content=ONE_CLICK, headers=FORM)
            assert done.status_code == 200, "again is the same"
    ended = office.target(target)
    assert (ended.state, ended.reason) == ("DISABLED", "its reader unsubscribed")
    assert "sendet keine E-Mails" in client.get(path).text
    office.tell(target)
    with mail_server() as server:
        assert office.mail(server) == 0
    ours = [each.getMessage() for each in caplog.records if not each.name.startswith("http")]
    assert any("/unsubscribe" in each for each in ours)
    token = urlsplit(path).query.partition("=")[2]
    assert not any(token in each for each in ours)


def test_an_operator_can_switch_it_on_again_and_an_old_link_ends_no_other_address(
    office: Office, client: Client, mailed: tuple[NoticeTarget, str]
) -> None:
    target, path = mailed
    client.post(path, content=ONE_CLICK, headers=FORM)
    office.later(minutes=1)
    office.subscribe("another@example.org", target.operator_id, subscription_id=target.subscription_id)
    assert office.target(target).is_enabled
    assert client.post(path, content=ONE_CLICK, headers=FORM).status_code == 200
    assert office.target(target).is_enabled, "the link was sent to the address before"
    office.later(minutes=1)
    office.subscribe("desk@example.org", target.operator_id, subscription_id=target.subscription_id)
    client.post(path, content=ONE_CLICK, headers=FORM)
    assert not office.target(target).is_enabled


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_link_that_is_not_ours_ends_nothing(
    office: Office, client: Client, mailed: tuple[NoticeTarget, str], method: str
) -> None:
    target, path = mailed
    said, _, signature = urlsplit(path).query.removeprefix("token=").partition(".")
    other = Links(Seal(), PUBLIC_URL).token(target.id, "desk@example.org")
    flipped = f"{said}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}"
    for token in (
        "",
        "x",
        ".",
        f"{said}.",
        f".{signature}",
        flipped,
        other,
        f"{said}.{signature}!",
        "é",
        "a" * 5_000,
    ):
        answer = client.request(method, "/unsubscribe", params={"token": token}, headers=FORM)
        assert answer.status_code == 404, token
    assert client.request(method, "/unsubscribe").status_code == 404
    unknown = LINKS.token("OP-1/none", "desk@example.org")
    assert client.request(method, "/unsubscribe", params={"token": unknown}).status_code == 404
    assert office.target(target).is_enabled


def test_the_page_is_for_everybody(client: Client, office: Office, mailed: tuple[NoticeTarget, str]) -> None:
    target, path = mailed
    with chromium() as browser:
        context = context_of(browser, base_url=str(client.base_url), locale="de-DE")
        page = context.new_page()
        page.goto(path)
        for width in WIDTHS.values():
            page.set_viewport_size({"width": width, "height": 900})
            assert overflow(page) == 0, width
        assert axe_violations(page) == []
        assert page.locator("h1").count() == 1
        page.get_by_role("button", name="Abbestellen").click()
        page.get_by_role("status").wait_for()
        assert axe_violations(page) == []
        context.close()
    assert not office.target(target).is_enabled


@settings(max_examples=examples(50))
@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_a_token_says_what_it_was_made_of_and_nothing_else_is_one(target_id: str, target: str, other: str) -> None:
    ending = LINKS.ending(LINKS.token(target_id, target))
    assert isinstance(ending, Ending)
    assert ending.target_id == target_id
    assert ending.is_of(target)
    assert ending.is_of(other) == (other == target)
    assert LINKS.ending(other) is None
