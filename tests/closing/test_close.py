"""A period is closed by two people over one hash, and what comes late is booked in the next one."""

from typing import Any

import psycopg
import pytest

from projections.periods import issued_of, period_report
from tests.support.audited import verify
from tests.support.closing import CHECKER, MAKER, both, close, closed, hash_of, reopened, status_of
from tests.support.engine import Engine
from tests.support.events import operator, session, tariff

MARCH = [operator(), tariff(), *session()]


@pytest.fixture
def march(engine: Engine) -> Engine:
    """A book with a session of March, in April."""
    engine.feed(MARCH)
    engine.advance("2026-04-01T00:00:00Z")
    return engine


def sentences(engine: Engine) -> list[str]:
    """Why decisions count for nothing, in the order in which that was found."""
    rows = engine.rows(
        "SELECT convert_from(state, 'UTF8')::json ->> 'sentence' FROM event_store.stored_events "
        "WHERE topic = 'DecisionRefused' ORDER BY notification_id"
    )
    return [sentence for (sentence,) in rows]


def report(engine: Engine, period: str) -> dict[str, tuple[int, int, int]]:
    """Of each account of a period what was issued, what came late, and what is restated."""
    with psycopg.connect(engine.dsn) as connection:
        cursor = connection.cursor()
        turn = issued_of(cursor, period)
        assert turn is not None
        return {
            each.account: (each.issued, sum(line.amount for line in each.late), each.restated)
            for each in period_report(cursor, turn)
        }


def test_two_people_close_a_period_over_one_hash(march: Engine) -> None:
    march.feed(both("2026-03", hash_of(march, "2026-03"), "2026-04-03"))
    assert status_of(march, "2026-03").state == "NEXT"
    march.advance("2026-04-03T10:30:00Z")
    assert status_of(march, "2026-03").state == "NEXT"
    march.advance("2026-04-03T11:00:00Z")
    assert (status_of(march, "2026-03").state, status_of(march, "2026-04").state) == ("CLOSED", "NEXT")
    assert sentences(march) == []
    assert verify(march.dsn).passed, verify(march.dsn).failed


def test_what_comes_late_is_booked_in_the_next_period_and_restates_the_closed_one(march: Engine) -> None:
    close(march, "2026-03", "2026-04-03")
    issued = march.rows("SELECT issued FROM book.period_turn")
    march.feed(session("S-2"))
    march.advance("2026-04-04T00:00:00Z")
    close(march, "2026-04", "2026-05-03")
    march.feed(session("S-3"))
    march.advance("2026-05-04T00:00:00Z")
    assert march.rows("SELECT issued FROM book.period_turn WHERE period = '2026-03'") == issued
    booked = march.rows("SELECT DISTINCT session_id, booked_in FROM book.late_entry JOIN book.entry USING (entry_id)")
    assert {each for each in booked if each[0]} == {("S-2", "2026-04"), ("S-3", "2026-05")}
    for period in ("2026-03", "2026-04"):
        for account, (was, late, is_) in report(march, period).items():
            assert was + late == is_, (period, account)
    assert verify(march.dsn).passed, verify(march.dsn).failed


REFUSED: dict[str, tuple[list[tuple[str, dict[str, Any]]], str]] = {
    "one person twice": ([("closed", {}), ("closed", {"at": "2026-04-03T11:00:00Z"})], "another person has to"),
    "a hash of other figures": ([("closed", {"statement_hash": "0" * 64})], "are not those of this hash"),
    "a period that is not over": ([("closed", {"at": "2026-03-31T23:59:59Z"})], "is not over before"),
    "an open checklist without a note": ([("closed", {"reason": None})], "is open: settle that, or waive it"),
    "a period that nobody closed": ([("reopened", {})], "is not the one that was closed last"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_count_says_why(name: str, march: Engine) -> None:
    said, why = REFUSED[name]
    for what, other in said:
        given = {"period": "2026-03", "statement_hash": hash_of(march, "2026-03"), "at": "2026-04-03T10:00:00Z"}
        make = closed if what == "closed" else reopened
        march.feed([make(**(given | other))])
    march.advance("2026-04-05T00:00:00Z")
    assert [why in each for each in sentences(march)] == [True]
    assert status_of(march, "2026-03").state == "NEXT"
    assert verify(march.dsn).passed, verify(march.dsn).failed


def test_a_period_is_opened_again_by_two_and_its_next_close_is_another_version(march: Engine) -> None:
    close(march, "2026-03", "2026-04-03")
    stands = status_of(march, "2026-03").statement_hash
    march.feed([reopened("2026-03", stands, f"2026-04-04T1{n}:00:00Z", by) for n, by in enumerate((MAKER, CHECKER))])
    march.feed(session("S-2"))
    march.advance("2026-04-05T00:00:00Z")
    march.feed(session("S-3"))
    march.advance("2026-04-05T01:00:00Z")
    close(march, "2026-03", "2026-04-06")
    turns = march.rows("SELECT kind, version FROM book.period_turn ORDER BY number")
    assert turns == [("CLOSED", 1), ("REOPENED", 1), ("CLOSED", 2)]
    assert verify(march.dsn).passed, verify(march.dsn).failed
