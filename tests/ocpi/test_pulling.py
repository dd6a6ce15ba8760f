"""A partner's list of tokens is pulled page by page: at connection, daily, and by hand."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from api.ocpi.charge_tokens.partners import Partners
from api.ocpi.charge_tokens.pulling import pull
from api.ocpi.charge_tokens.upkeep import keep_up
from ledger.access import charge_token_pulls, charge_tokens
from tests.ocpi.conftest import Platform
from tests.ocpi.test_tokens import put, token
from tests.support.partner import partner
from tests.support.token_source import TokenSource, token_source
from tests.support.waiting import wait_until


@pytest.fixture
def source(platform: Platform) -> Iterator[TokenSource]:
    """The list of DE-ABC, which is connected: five tokens, two a page."""
    with partner() as abc, token_source(tokens=[token(f"CARD-{number}") for number in range(5)]) as made:
        made.offered_by(abc)
        made.token_c = platform.connected(abc)
        yield made


def pulled(platform: Platform) -> charge_token_pulls.Pull:
    """Pull at once; what came of it."""
    with platform.surface.door.transaction() as cursor:
        assert charge_token_pulls.take(cursor, "DE-ABC", at_once=True)

    async def work() -> None:
        async with Partners(platform.surface) as partners:
            await pull(platform.surface, partners, "DE-ABC")

    asyncio.run(work())
    return state(platform)


def state(platform: Platform) -> charge_token_pulls.Pull:
    with platform.surface.door.transaction() as cursor:
        found = charge_token_pulls.find(cursor, "DE-ABC")
    assert found is not None
    return found


def count(platform: Platform) -> int:
    with platform.surface.door.transaction() as cursor:
        return charge_tokens.count(cursor, "DE-ABC")


LINKS: list[tuple[Callable[[str], str | None], bool]] = [
    (lambda url: f'<{url}>; rel="next"', True),
    (lambda url: f"<https://a.example/first>; rel=first, <{url}>; rel=next", False),
    (lambda url: f'<{url[url.index("/tokens") :]}>; rel="next"', True),
    # Those that lead nowhere, to somebody else, or back; and none at all.
    (lambda _: '<https://VersionNumber.v_2_2_1/ModuleID.tokens?offset=2>; rel="next"', True),
    (lambda _: '<http://127.0.0.1:9/tokens?offset=2&limit=2>; rel="next"', True),
    (lambda _: None, True),
]


@pytest.mark.parametrize(("links", "total"), LINKS, ids=range(len(LINKS)))
def test_all_pages_are_pulled_whatever_the_links_are_like(
    platform: Platform, source: TokenSource, links: Callable[[str], str | None], total: bool
) -> None:
    source.links, source.total = links, total
    found = pulled(platform)
    assert (found.seen, found.refused, found.reason) == (5, 0, None)
    assert len(source.pages) == 3
    assert count(platform) == 5
    assert found.done_at is not None
    assert (found.next_at - found.done_at).total_seconds() == pytest.approx(86_400, abs=5)


def test_what_is_no_token_or_not_theirs_is_left_out_and_older_ones_change_nothing(
    platform: Platform, source: TokenSource
) -> None:
    newer = token("CARD-1", valid=False, last_updated="2026-04-01T10:00:00Z")
    put(platform, source.token_c, newer)
    source.tokens += [{"uid": "x"}, "CARD", None, token("CARD-9", party_id="XYZ"), token("CARD-2", valid=False)]
    found = pulled(platform)
    assert (found.seen, found.refused) == (10, 4)
    assert count(platform) == 5
    for uid in ("CARD-1", "CARD-2"):
        shown = platform.ask("GET", f"/2.2.1/tokens/DE/ABC/{uid}", source.token_c).json()["data"]
        assert shown["valid"] is False


def test_pages_before_a_fault_stay_and_it_is_begun_again(platform: Platform, source: TokenSource) -> None:
    source.fails_at = 4
    found = pulled(platform)
    assert (found.seen, count(platform), found.under_way) == (4, 4, False)
    assert "503" in str(found.reason)
    assert found.done_at is None
    source.fails_at = None
    assert (pulled(platform).seen, count(platform), state(platform).reason) == (5, 5, None)


def test_pages_without_end_are_given_up(
    platform: Platform, source: TokenSource, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.ocpi.charge_tokens.pulling.TOKENS_MAX", 20)
    source.links = lambda url: f'<{url.partition("?")[0]}?offset={len(source.pages) % 2}>; rel="next"'
    assert "no end" in str(pulled(platform).reason)


def test_one_at_a_time_pulls_and_who_is_gone_is_followed_by_another(platform: Platform, source: TokenSource) -> None:
    def take(at_once: bool = False) -> bool:
        with platform.surface.door.transaction() as cursor:
            return charge_token_pulls.take(cursor, "DE-ABC", at_once=at_once)

    assert take()
    assert not take()
    assert not take(at_once=True)
    with platform.surface.door.transaction() as cursor:
        cursor.execute("UPDATE access.charge_token_pull SET until = now() - interval '1 second'")
        assert charge_token_pulls.due(cursor, 9) == ["DE-ABC"]
    assert take()
    with platform.surface.door.transaction() as cursor:
        charge_token_pulls.done(cursor, "DE-ABC")
        assert charge_token_pulls.due(cursor, 9) == []
    assert take(at_once=True)


def test_lists_are_pulled_at_connection_and_when_due_and_one_slow_partner_delays_nobody(platform: Platform) -> None:
    stop = asyncio.Event()
    loop = asyncio.new_event_loop()

    async def work() -> None:
        async with Partners(platform.surface) as partners:
            await keep_up(platform.surface, partners, stop)

    thread = threading.Thread(target=lambda: loop.run_until_complete(work()))
    thread.start()
    try:
        with partner("FR-XYZ") as xyz, partner() as abc, token_source(tokens=[token()]) as fast:
            held = threading.Event()
            with token_source(holds_pages=held) as slow:
                slow.offered_by(xyz)
                platform.connected(xyz)
                wait_until(lambda: len(slow.pages) == 1)
                fast.offered_by(abc)
                platform.connected(abc)
                wait_until(lambda: count(platform) == 1)
                wait_until(lambda: state(platform).done_at is not None)
                fast.tokens.append(token("CARD-2"))
                with platform.surface.door.transaction() as cursor:
                    cursor.execute("UPDATE access.charge_token_pull SET next_at = now() WHERE connection = 'DE-ABC'")
                wait_until(lambda: count(platform) == 2)
                assert len(slow.pages) == 1
                # Who is asked to end gives up what is under way, and leaves it to others at once.
                loop.call_soon_threadsafe(stop.set)
                thread.join(180)
                assert not thread.is_alive()
                with platform.surface.door.transaction() as cursor:
                    assert charge_token_pulls.due(cursor, 9) == ["FR-XYZ"]
                held.set()
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def test_a_partner_without_a_list_is_left_alone_for_a_day(platform: Platform) -> None:
    with partner() as abc:
        platform.connected(abc)
        found: Any = pulled(platform)
        assert found.reason == "the partner offers no list of tokens"
        assert found.done_at is not None
