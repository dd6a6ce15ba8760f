"""A period is closed by two people over one hash, and what comes late is booked in the next one."""

import json
from typing import Any

import psycopg
import pytest

from projections.periods import issued_of, period_report
from tests.support.audited import verify
from tests.support.closing import CHECKER, MAKER, both, close, closed, hash_of, reopened, sentences, status_of
from tests.support.engine import Engine
from tests.support.events import (
    cdr_answer,
    corrected,
    ended,
    event,
    money,
    operator,
    partner,
    session,
    started,
    tariff,
)

MARCH = [operator(), tariff(), *session()]


@pytest.fixture
def march(engine: Engine) -> Engine:
    """A book with a session of March, in April."""
    engine.feed(MARCH)
    engine.advance("2026-04-01T00:00:00Z")
    return engine


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


def late_of_every_kind(number: int) -> list[dict[str, Any]]:
    """A session, a correction, a refund, a dispute, a credit CDR and a settlement of March, told after its close."""
    late, at = f"L-{number}", f"2026-03-1{number}"
    settled: dict[str, Any] = {
        "settlement_id": f"ST-{number}",
        "provider": "acme-psp",
        "settled_at": f"{at}T09:00:00Z",
        "net": money("11.80"),
        "items": [{"payment_id": f"P-S-{number}", "gross": money("12.10"), "fee": money("0.30")}],
    }
    refund: dict[str, Any] = {
        "refund_id": f"R-{number}",
        "payment_id": f"P-S-{number}",
        "session_id": f"S-{number}",
        "amount": money("2.00"),
        "borne_by": "SHARED",
        "refunded_at": f"{at}T10:00:00Z",
    }
    dispute: dict[str, Any] = {
        "dispute_id": f"D-{number}",
        "payment_id": f"P-S-{number}",
        "session_id": f"S-{number}",
        "amount": money("5.00"),
        "fee": money("1.00"),
        "opened_at": f"{at}T11:00:00Z",
    }
    return [
        *session(late),
        corrected(f"S-{number + 4}", f"{at}T08:00:00Z", 30_000),
        event("payment.refunded", f"S-{number}", refund["refunded_at"], refund),
        event("payment.disputed", f"S-{number}", dispute["opened_at"], dispute),
        cdr_answer(f"R-{number}", f"{at}T12:00:00Z", accepted=False),
        event("payment.settled", f"ST-{number}", settled["settled_at"], settled),
    ]


def roaming_session(session_id: str) -> list[dict[str, Any]]:
    """A session that a partner pays, which accepted its CDR."""
    token = {"country_code": "DE", "party_id": "ABC", "uid": "04A1B2C3", "type": "RFID", "contract_id": "DE-ABC-C1"}
    return [
        started(session_id, token=token),
        ended(session_id),
        cdr_answer(session_id, f"2026-03-03T0{session_id[-1]}:00:00Z", accepted=True),
    ]


def test_late_items_of_every_kind_restate_one_and_two_closed_periods(engine: Engine) -> None:
    told = [operator(), tariff(), partner()]
    for number in range(1, 7):
        told += session(f"S-{number}")
    engine.feed([*told, *roaming_session("R-1"), *roaming_session("R-2")])
    engine.advance("2026-04-01T00:00:00Z")
    close(engine, "2026-03", "2026-04-03")
    issued = engine.rows("SELECT issued FROM book.period_turn")
    engine.feed(late_of_every_kind(1))
    engine.advance("2026-04-20T00:00:00Z")
    close(engine, "2026-04", "2026-05-03")
    engine.feed(late_of_every_kind(2))
    engine.advance("2026-05-20T00:00:00Z")
    assert engine.rows("SELECT issued FROM book.period_turn WHERE period = '2026-03'") == issued
    for month in ("2026-04", "2026-05"):
        kinds = engine.rows(
            "SELECT DISTINCT kind FROM book.late_entry JOIN book.entry USING (entry_id) WHERE booked_in = %s", month
        )
        assert {"J01", "J25", "J27", "J09", "J21"} <= {kind for (kind,) in kinds}, month
    for period in ("2026-03", "2026-04"):
        for account, (was, late, is_) in report(engine, period).items():
            assert was + late == is_, (period, account)
    opening = engine.rows("SELECT issued FROM book.period_turn WHERE period = '2026-04'")
    opened = {each["account"]: each["opening"] for each in json.loads(opening[0][0])["accounts"]}
    before = {each["account"]: each["balance"] for each in json.loads(issued[0][0])["accounts"]}
    assert {name: text for name, text in opened.items() if text != "0.00"} == {
        name: text for name, text in before.items() if text != "0.00"
    }
    assert verify(engine.dsn).passed, verify(engine.dsn).failed
