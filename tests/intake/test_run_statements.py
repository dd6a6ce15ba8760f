"""A set of runs takes as many statements however many operators it has, and reads what was said before of payouts."""

from typing import Any

import psycopg
import pytest

from domain.calendar import instant
from domain.payout.events import PayoutKey
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import event, operator, session, tariff

UNTIL = "2026-03-03T00:05:00Z"
DAY = instant("2026-03-02T00:00:00Z").date()


# Terms by which a run asks for earlier payouts, taxes and sessions that drivers have not paid.
ALL_TERMS = {
    "anomaly_factor": "3",
    "limits": {"payout": "1000.00", "day": "1000.00"},
    "withholding": [{"regime": "IN-TCS", "percent": "10", "base": "GROSS"}],
    "advance_limit": "100.00",
    "fund_release": "ON_SESSION",
}


def pay_later(engine: Engine, names: list[str], **terms: Any) -> None:
    """Operators with a session each, all judged, whose run is due by `UNTIL` and not made."""
    for name in names:
        account = {"holder": name, "iban": "NL20INGB0001234567"}
        first, *rest = session(f"S-{name}")
        of_operator = {"operator_id": name, "tariff_id": f"T-{name}"}
        engine.feed([operator(name, time_zone="UTC", bank_account=account, **terms), tariff(name, f"T-{name}")])
        engine.feed([first | {"data": first["data"] | of_operator}, *rest])
    engine.advance("2026-03-02T23:00:00Z")


def payout_id(operator_id: str, attempt: int = 1) -> str:
    return PayoutKey(operator_id, "EUR", DAY, attempt).payout_id


def payouts(engine: Engine) -> list[tuple[str, int]]:
    """How many payouts each operator has."""
    return [
        (name, n)
        for name, n in engine.rows("SELECT operator_id, count(*) FROM intake.open_payout GROUP BY 1 ORDER BY 1")
    ]


@pytest.mark.parametrize("terms", [{}, ALL_TERMS], ids=["plain terms", "terms that look back"])
def test_a_set_of_more_operators_takes_no_more_statements(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, terms: dict[str, Any]
) -> None:
    execute, asked = psycopg.Cursor.execute, 0

    def counted(cursor: Any, *given: Any, **named: Any) -> Any:
        nonlocal asked
        asked += 1
        return execute(cursor, *given, **named)

    needed = []
    for number in (1, 9):
        pay_later(engine, [f"OP-{number}{letter}" for letter in "abcdefghi"[:number]], **terms)
        with monkeypatch.context() as patched:
            patched.setattr(psycopg.Cursor, "execute", counted)
            asked = 0
            engine.advance(UNTIL)
            needed.append(asked)
    assert needed[0] == needed[1]
    assert [count for _, count in payouts(engine)] == [1] * 10


def test_payouts_that_were_answered_before_they_are_made_go_again_among_others_that_were_not(engine: Engine) -> None:
    names = [f"OP-{number}" for number in range(1, 6)]
    pay_later(engine, names)
    failures = [(payout_id("OP-2"), "AM04"), (payout_id("OP-4"), "AM04"), (payout_id("OP-4", 2), "AM04")]
    at = "2026-03-02T22:00:00Z"
    engine.feed(
        [event("payout.failed", key, at, {"payout_id": key, "at": at, "reason": why}) for key, why in failures]
    )
    engine.advance("2026-03-06T00:05:00Z")
    assert payouts(engine) == [("OP-1", 1), ("OP-2", 2), ("OP-3", 1), ("OP-4", 3), ("OP-5", 1)]
    on_their_way = engine.rows("SELECT payout_id FROM intake.open_payout WHERE left_at > now() ORDER BY operator_id")
    attempts = {"OP-2": 2, "OP-4": 3}
    assert on_their_way == [(payout_id(name, attempts.get(name, 1)),) for name in names]
    assert verify(engine.dsn).passed, verify(engine.dsn).failed
