"""Settlements end to end: told in parts, in pages and again, of payments that nobody knows and that several share."""

import itertools
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import pytest

from ledger.events.codec import decode
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import captured, ended, event, money, operator, session, started, tariff

CATALOGUE = [operator(fund_release="ON_SETTLEMENT"), tariff()]
NEXT_DAY, DAY_AFTER, LATE = "2026-03-03T06:00:00Z", "2026-03-04T06:00:00Z", "2026-03-20T00:00:00Z"


def line(payment_id: str, gross: str = "12.10", fee: str = "0.30", **about: str) -> dict[str, Any]:
    return {"payment_id": payment_id, "gross": money(gross), "fee": money(fee), **about}


def settled(
    net: str,
    *lines: dict[str, Any],
    id_: str = "ST-1",
    at: str = NEXT_DAY,
    settlement_id: str = "ST-1",
    provider: str = "acme-psp",
    **part: int,
) -> dict[str, Any]:
    data = {"settlement_id": settlement_id, "provider": provider, "settled_at": at, "items": list(lines)}
    return event("payment.settled", provider, at, data | {"net": money(net)} | part, id_)


def of_provider(capture: dict[str, Any], provider: str, id_: str) -> dict[str, Any]:
    return {**capture, "id": id_, "data": {**capture["data"], "provider": provider}}


def is_released(engine: Engine) -> bool:
    released = engine.rows("SELECT state FROM event_store.stored_events WHERE topic = 'ShareReleased'")
    return any(decode("ShareReleased", state).released_at for (state,) in released)


def open_findings(engine: Engine) -> list[tuple[str, str, int | None]]:
    """Kind, subject and amount of what is open of settlements by the stored decisions."""
    found: dict[tuple[str, str], Any] = {}
    for topic, state in engine.rows(
        "SELECT topic, state FROM event_store.stored_events WHERE topic IN ('FindingOpened', 'FindingEnded') "
        "ORDER BY notification_id"
    ):
        change = decode(topic, state)
        found[change.stream, change.finding.key] = change.finding if topic == "FindingOpened" else None
    still = [finding for finding in found.values() if finding is not None]
    return sorted((f.kind.value, f.subject, f.amount) for f in still if f.kind.startswith("SETTLEMENT"))


def sound(engine: Engine) -> bool:
    report = verify(engine.dsn)
    assert report.passed, [finding.sentence for check in report.failed for finding in check.findings]
    return True


def outcome(engine: Engine, events: Iterable[dict[str, Any]]) -> tuple[Any, ...]:
    """Everything in a batch of its own, then the clock: what stands, and what is open."""
    engine.feed(CATALOGUE)
    engine.feed(events, batch=1)
    engine.advance(LATE)
    assert sound(engine)
    return engine.balances(), open_findings(engine)


# Pages and parts ------------------------------------------------------------------------------------------------

TWO = [*session("S-1"), *session("S-2")]


@pytest.mark.parametrize("turned", [False, True])
def test_a_sum_without_lines_and_one_with_lines_are_one_settlement(engine: Engine, turned: bool) -> None:
    """Whichever is the earlier: as pages both would be booked, and the bank would have the money twice."""
    times = (DAY_AFTER, NEXT_DAY) if turned else (NEXT_DAY, DAY_AFTER)
    bare = settled("11.80", id_="bare", at=times[0])
    whole = settled("11.80", line("P-S-1"), id_="whole", at=times[1])
    balances, found = outcome(engine, [*session(), bare, whole])
    assert (balances["1010 EUR"], balances.get("1110/acme-psp EUR", 0)) == (1180, 0)
    assert ("SETTLEMENT_TOLD_OTHERWISE", "ST-1", 1180) in found


@pytest.mark.parametrize("turned", [False, True])
def test_a_page_of_fees_adds_up_with_one_of_payments(engine: Engine, turned: bool) -> None:
    times = (DAY_AFTER, NEXT_DAY) if turned else (NEXT_DAY, DAY_AFTER)
    monthly = {"kind": "FEE", "gross": money("0.00"), "fee": money("5.00")}
    pages = [
        settled("11.80", line("P-S-1"), id_="payments", at=times[0]),
        settled("-5.00", monthly, id_="fees", at=times[1]),
    ]
    balances, found = outcome(engine, [*session(), *pages])
    assert (balances["1010 EUR"], balances["5010 EUR"], found) == (680, 530, [])


@pytest.mark.parametrize("parts", [(None, None), (1, 2)], ids=["pages without numbers", "numbered parts"])
@pytest.mark.parametrize("turned", [False, True])
def test_the_parts_of_a_settlement_add_up(engine: Engine, parts: Sequence[int | None], turned: bool) -> None:
    numbers: list[dict[str, Any]] = [{"part": p, "parts": 2} if p else {} for p in parts]
    pages = [
        settled("11.80", line("P-S-1"), id_="one", **numbers[0]),
        settled("11.80", line("P-S-2"), id_="two", **numbers[1]),
    ]
    balances, found = outcome(engine, [*TWO, *(pages[::-1] if turned else pages)])
    assert balances["1010 EUR"] == 2_360
    assert "1110/acme-psp EUR" not in balances
    assert found == []


def test_a_part_that_never_came_is_found_until_it_comes(engine: Engine) -> None:
    engine.feed([*CATALOGUE, *TWO, settled("11.80", line("P-S-2"), id_="three", part=3, parts=3)])
    engine.advance(LATE)
    assert open_findings(engine) == [("SETTLEMENT_INCOMPLETE", "ST-1", None)]
    engine.feed([settled("11.80", line("P-S-1"), id_="one", part=1, parts=3)])
    engine.advance(LATE)
    assert open_findings(engine) == [("SETTLEMENT_INCOMPLETE", "ST-1", None)]
    engine.feed([settled("0.00", id_="two", part=2, parts=3)])
    engine.advance(LATE)
    assert open_findings(engine) == []
    assert sound(engine)


def test_what_reached_the_bank_beside_the_lines_is_found_until_a_part_says_what_it_was(engine: Engine) -> None:
    engine.feed([*CATALOGUE, *TWO, settled("-13.20", line("P-S-1"), id_="one", part=1, parts=1)])
    assert open_findings(engine) == [("SETTLEMENT_DIFFERS", "ST-1", -2_500)]
    fee = {"gross": money("0.00"), "fee": money("25.00"), "kind": "FEE"}
    engine.feed([settled("0.00", fee, id_="two", part=2, parts=2)])
    assert open_findings(engine) == []
    engine.advance(LATE)
    assert engine.balances()["1110/acme-psp EUR"] == 1_180
    assert engine.balances()["5010 EUR"] == 30 + 30 + 2_500
    assert sound(engine)


def test_a_settlement_of_nothing_but_a_net_is_on_the_bank_account(engine: Engine) -> None:
    engine.feed([settled("-25.00")])
    assert engine.refusals() == []
    assert engine.balances() == {"1010 EUR": -2_500, "1110/acme-psp EUR": 2_500}
    assert open_findings(engine) == [("SETTLEMENT_DIFFERS", "ST-1", -2_500)]
    assert sound(engine)


def test_a_settlement_of_twelve_thousand_lines_in_parts_reaches_every_session(engine: Engine) -> None:
    """200 of its payments are sessions'; the others are told as one finding a part, and nothing is lost."""
    sessions = [f"S-{number}" for number in range(200)]
    lines = [line(f"P-{name}") for name in sessions]
    lines += [line(f"other-{number}", "1.00", "0.10") for number in range(11_800)]
    parts = [lines[first::3] for first in range(3)]
    engine.feed([*CATALOGUE, *(each for name in sessions for each in session(name))])
    for number, some in enumerate(parts, 1):
        net = sum((Decimal(i["gross"]["amount"]) - Decimal(i["fee"]["amount"]) for i in some), Decimal())
        engine.feed([settled(str(net), *some, id_=f"part {number}", part=number, parts=3)])
    engine.advance("2026-03-03T12:00:00Z")
    known, others = 200 * 1_180, 11_800 * 90
    assert engine.balances()["1010 EUR"] == known + others
    assert engine.balances()["1110/acme-psp EUR"] == -others
    released = engine.rows("SELECT count(*)::int FROM event_store.stored_events WHERE topic = 'ShareReleased'")
    assert released == [(200,)]
    assert [(kind, subject) for kind, subject, _ in open_findings(engine)] == [
        ("SETTLEMENT_ITEM_UNKNOWN", "ST-1")
    ] * 3
    assert sound(engine)


# Told again -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("part", [{}, {"part": 2, "parts": 2}], ids=["whole", "part"])
def test_of_a_settlement_told_again_the_first_stands_whenever_it_comes(
    engine: Engine, order: tuple[int, ...], part: dict[str, Any]
) -> None:
    first = settled("11.80", line("P-S-1"), id_="a", **part)
    again = settled("11.80", line("P-S-1"), id_="b", **part)
    otherwise = settled("23.50", line("P-S-2"), line("P-S-1", fee="0.40"), id_="c", at=DAY_AFTER, **part)
    told = [first, again, otherwise]
    balances, found = outcome(engine, [*TWO, *(told[place] for place in order)])
    assert balances["1110/acme-psp EUR"] == 1_180
    assert balances["5010 EUR"] == 60
    rest = [("SETTLEMENT_INCOMPLETE", "ST-1", None)] if part else []
    assert found == [*rest, ("SETTLEMENT_TOLD_OTHERWISE", "ST-1", 2_350)]


def test_a_page_that_comes_back_when_what_it_repeats_is_ousted_settles_again(engine: Engine) -> None:
    """The middle one shares a line with both others; the first ousts it, and so the last stands again."""
    engine.feed([*CATALOGUE, *TWO], batch=1)
    last = settled("11.80", line("P-S-2"), id_="c", at=DAY_AFTER)
    middle = settled("23.60", line("P-S-1"), line("P-S-2"), id_="b")
    first = settled("11.80", line("P-S-1"), id_="a")
    for told, clearing in ((last, 1_180), (middle, 0), (first, 0)):
        engine.feed([told])
        engine.advance(LATE)
        assert engine.balances().get("1110/acme-psp EUR", 0) == clearing
        assert sound(engine)
    assert open_findings(engine) == [("SETTLEMENT_TOLD_OTHERWISE", "ST-1", 2_360)]


def test_two_providers_may_name_a_settlement_and_a_payment_alike(engine: Engine) -> None:
    here = captured("S-1", payment_id="P", amount="6.00")
    there = of_provider(captured("S-1", "2026-03-02T11:05:00Z", payment_id="P", amount="6.10"), "other-psp", "there")
    told = [
        settled("5.70", line("P", "6.00"), id_="settled here"),
        settled("5.80", line("P", "6.10"), id_="settled there", provider="other-psp"),
    ]
    engine.feed([*CATALOGUE, started(), ended(), here, there, told[0]])
    engine.advance(LATE)
    assert engine.balances()["1110/other-psp EUR"] == 580
    assert not is_released(engine)
    engine.feed([told[1]])
    engine.advance(LATE)
    assert not [account for account in engine.balances() if account.startswith("1110")]
    assert is_released(engine)
    assert sound(engine)


# Nobody's -------------------------------------------------------------------------------------------------------


def test_a_line_of_an_unknown_payment_is_found_until_its_capture_comes(engine: Engine) -> None:
    engine.feed([*CATALOGUE, *session("S-1"), settled("60.80", line("P-S-1"), line("P-X", "50.00", "1.00"))])
    engine.advance(LATE)
    assert open_findings(engine) == [("SETTLEMENT_ITEM_UNKNOWN", "P-X", 5_000)]
    engine.advance(LATE)
    # Of the settlement; the payout, which nobody answers, has a notice of its own.
    notices = (
        "SELECT count(*)::int FROM intake.outbox JOIN event_store.stored_events AS stored "
        "ON (originator_id, originator_version) = (stream_id, version) "
        "WHERE outbox.topic = 'settlement.notifications' AND convert_from(state, 'UTF8') LIKE '%SETTLEMENT_ITEM%'"
    )
    assert engine.rows(notices) == [(1,)]
    engine.feed([captured("S-2", payment_id="P-X", amount="50.00", fee="1.00")])
    engine.advance(LATE)
    assert open_findings(engine) == []
    assert sound(engine)


def test_of_very_many_unknown_payments_there_is_one_finding(engine: Engine) -> None:
    engine.feed([settled("0.00", *(line(f"P-{number}", "1.00", "1.00") for number in range(150)))])
    engine.advance(LATE)
    assert open_findings(engine) == [("SETTLEMENT_ITEM_UNKNOWN", "ST-1", 15_000)]


# Several sessions of one payment --------------------------------------------------------------------------------

SHARED = [
    started("S-1"),
    ended("S-1"),
    captured("S-1", "2026-03-02T11:01:00Z", payment_id="P"),
    started("S-2"),
    ended("S-2"),
    captured("S-2", "2026-03-02T11:02:00Z", payment_id="P"),
    settled("12.00", line("P", "12.10", "0.10"), id_="one", settlement_id="A"),
    settled("11.80", line("P", "12.10", "0.30"), id_="two", settlement_id="B", at=DAY_AFTER),
]


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (4, 3, 2, 1, 0), (2, 3, 4, 0, 1), (0, 2, 3, 1, 4)])
def test_a_payment_of_two_sessions_settles_and_costs_the_same_in_any_order(
    engine: Engine, order: tuple[int, ...]
) -> None:
    groups = [SHARED[:2], SHARED[2:3], SHARED[3:5], SHARED[5:6], SHARED[6:]]
    engine.feed(CATALOGUE)
    for place in order:
        engine.feed(groups[place])
    engine.advance(LATE)
    balances = engine.balances()
    assert balances["5010 EUR"] == 40
    assert "1110/acme-psp EUR" not in balances
    moments = engine.rows("SELECT session_id, effective_at::text FROM book.entry WHERE kind = 'J08' ORDER BY 1")
    assert moments == [("S-1", "2026-03-03 06:00:00+00"), ("S-2", "2026-03-04 06:00:00+00")]
    assert engine.rows("SELECT count(*)::int FROM intake.shared_payment") == [(0,)]
    assert sound(engine)
