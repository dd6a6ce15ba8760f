"""Sessions whose judging is put off while a backlog is taken in are judged by the clock, once for all that came."""

from collections.abc import Iterator
from typing import Any

import pytest

from engine.follow_up import FollowUp
from engine.working_set import WorkingSet
from tests.support.aftermath import disputed, refunded, settled
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import captured, corrected, metered, money, operator, session, tariff

JUDGED = "SELECT count(*) FROM event_store.stored_events WHERE topic = 'SessionAssessed'"
NOTED = "SELECT count(*) FROM event_store.stored_events WHERE topic = 'OverlapNoted'"
MATURED = "SELECT count(*) FROM book.entry WHERE kind = 'J08'"
STALE = "SELECT count(*) FROM intake.session_head WHERE stale"
CATALOGUE = [operator(fund_release="ON_SETTLEMENT"), tariff()]
LATER = "2026-03-06T00:00:00Z"


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine that takes in before a clock."""
    made = Engine(database_url, before_clock=True)
    yield made
    made.close()


def payments() -> list[dict[str, Any]]:
    """Of two sessions, and the settlement of both."""
    captures = [captured("S-1"), captured("S-2", at="2026-03-03T11:30:00Z")]
    return [*captures, settled("ST-1", "2026-03-05T06:00:00Z", "acme-psp", [each["data"] for each in captures])]


def two_sessions() -> list[dict[str, Any]]:
    """At one plug, on two days; the second begins below the register at which the first ended."""
    made = [each for number, day in ((1, "02"), (2, "03")) for each in session(f"S-{number}", f"2026-03-{day}")[:-1]]
    for each in made:
        if each["type"] == "charging.session.started":
            each["data"]["evse_uid"] = "EVSE-1"
    return made


def test_a_session_is_judged_once_with_its_payment_its_settlement_and_its_plug(engine: Engine) -> None:
    for batch in (CATALOGUE, two_sessions(), payments()):
        engine.feed(batch)
    assert engine.rows(JUDGED) == [(0,)]
    assert engine.rows(STALE) == [(2,)]
    assert engine.balances() == {"1010 EUR": 2_360, "1110/acme-psp EUR": -2_360}

    engine.advance(LATER)

    assert engine.rows(JUDGED) == [(2,)]
    assert engine.rows(NOTED) == [(1,)]
    assert engine.rows(MATURED) == [(2,)]
    assert engine.rows(STALE) == [(0,)]


def test_the_book_holds_while_sessions_wait_to_be_judged(engine: Engine) -> None:
    """Also for those that were judged before, and for those beside them at their plugs."""
    corrections = [corrected(f"S-{number}", f"2026-03-04T0{number}:00:00Z", 25_000 * number) for number in (1, 2)]
    # At the plug of both, between them: it waits longer than the second, which was told of the first.
    between = [each for each in session("S-0", "2026-03-02") if each["type"] != "payment.captured"]
    between[0]["data"]["evse_uid"] = "EVSE-1"
    engine.feed([*CATALOGUE, *two_sessions()])
    assert waiting(engine) == (2, 2)
    engine.advance("2026-03-03T12:00:00Z")
    assert waiting(engine) == (2, 0)
    engine.feed([*payments(), *corrections, *between])
    assert waiting(engine) == (3, 3)
    engine.advance(LATER)
    assert waiting(engine) == (3, 0)


def waiting(engine: Engine) -> tuple[int, int]:
    """How many sessions a sound book has, and how many of them wait."""
    report = verify(engine.dsn)
    assert report.failed == ()
    (judged,) = (check for check in report.checks if check.name == "judged")
    return judged.examined, judged.found


def test_without_a_clock_the_follow_up_judges_them(engine: Engine) -> None:
    for batch in (CATALOGUE, two_sessions(), payments()):
        engine.feed(batch)
    working_set = WorkingSet.of(engine.dsn)
    try:
        FollowUp(working_set).run(wait=True)
    finally:
        working_set.close()

    assert engine.rows(STALE) == [(0,)]
    assert engine.rows(MATURED) == [(0,)]
    assert engine.rows(NOTED) == [(1,)]
    assert "1110/acme-psp EUR" not in engine.balances()


def test_who_takes_in_next_without_a_clock_judges_what_was_put_off_before(engine: Engine) -> None:
    for batch in (CATALOGUE, two_sessions()):
        engine.feed(batch)
    other = Engine(engine.dsn)
    try:
        assert other.rows(STALE) == [(0,)]
        assert other.rows(JUDGED) == [(2,)]
    finally:
        other.close()


def test_the_audit_holds_nothing_against_sessions_that_wait_to_be_judged(engine: Engine) -> None:
    """As an interrupted backlog leaves them: new ones, and what came of one that was judged before."""
    engine.feed([*CATALOGUE, *session("S-1")])
    engine.advance(LATER)
    of_first = [
        corrected("S-1", "2026-03-07T08:00:00Z", 18_000),
        refunded("R-1", "S-1", "2026-03-07T09:00:00Z", money("2.00"), "OPERATOR"),
        disputed("D-1", "S-1", "2026-03-07T10:00:00Z", money("1.00"), money("0.50")),
        captured("S-1", at="2026-03-07T11:00:00Z") | {"id": "again"},
        refunded("R-9", "S-2", "2026-03-07T09:00:00Z", money("2.00"), "OPERATOR"),
    ]
    engine.feed([*of_first, *two_sessions()[3:], *payments(), metered("S-3", "2026-03-03T12:00:00Z", 1)])
    assert engine.rows(STALE) != [(0,)]
    assert [(check.name, check.findings) for check in verify(engine.dsn).failed] == []
    engine.advance("2026-03-08T00:00:00Z")
    assert engine.rows(STALE) == [(0,)]
    assert verify(engine.dsn).passed
