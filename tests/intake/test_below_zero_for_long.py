"""Operators that stay below zero: a warning, then that it may be written off, and the end of both."""

from typing import Any

import pytest

from engine import operator_findings
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import operator, session, tariff
from tests.support.matters import approved, proposed, write_off_approved, write_off_proposed

AGED = ("NEGATIVE_BALANCE_AGED", "WRITE_OFF_DUE")


def in_debt(**terms: Any) -> list[dict[str, Any]]:
    """OP-1 owes 15.00 EUR from 2 March on, which its run of that day finds when it fires, at 23:00 UTC."""
    return [operator(**terms), tariff(), proposed(amount="15.00", direction="DEBIT"), approved()]


def told(engine: Engine) -> list[tuple[str, str, str]]:
    """What was told of age: opened or ended, which kind, and since when."""
    query = """
        SELECT topic, body #>> '{finding,kind}', left(body #>> '{finding,since}', 16)
        FROM event_store.stored_events, LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
        WHERE topic IN ('FindingOpened', 'FindingEnded') AND body #>> '{finding,kind}' = ANY(%s)
        ORDER BY notification_id
    """
    return [(topic.removeprefix("Finding"), *rest) for topic, *rest in engine.rows(query, list(AGED))]


def is_sound(engine: Engine) -> bool:
    found = {check.name: [each.sentence for each in check.findings] for check in verify(engine.dsn).failed}
    assert found == {}
    return True


def test_people_are_warned_and_then_told_that_it_may_be_written_off(engine: Engine) -> None:
    engine.feed(in_debt())
    engine.advance("2026-03-22T22:00:00Z")
    assert told(engine) == []
    assert is_sound(engine)
    engine.advance("2026-03-22T23:00:00Z")
    warned = ("Opened", "NEGATIVE_BALANCE_AGED", "2026-03-22T23:00")
    assert told(engine) == [warned]
    engine.advance("2026-08-29T23:00:00Z")
    assert told(engine) == [warned, ("Opened", "WRITE_OFF_DUE", "2026-08-29T23:00")]
    assert is_sound(engine)


def test_terms_say_when(engine: Engine) -> None:
    engine.feed(in_debt(negative={"warn_days": 2, "write_off_days": 5}))
    engine.advance("2026-03-08T12:00:00Z")
    assert [kind for _, kind, _ in told(engine)] == list(AGED)
    assert is_sound(engine)


def test_it_is_over_once_it_is_written_off(engine: Engine) -> None:
    engine.feed(in_debt(negative={"warn_days": 2, "write_off_days": 5}))
    engine.advance("2026-03-08T12:00:00Z")
    engine.feed(
        [
            write_off_proposed(amount="15.00", at="2026-03-08T13:00:00Z"),
            write_off_approved(at="2026-03-08T14:00:00Z"),
            *session("S-2", "2026-03-09"),
        ]
    )
    engine.advance("2026-03-11T12:00:00Z")
    assert [topic for topic, _, _ in told(engine)] == ["Opened", "Opened", "Ended", "Ended"]
    assert engine.balances()["5050 EUR"] == 1500
    assert is_sound(engine)


@pytest.mark.parametrize("stops", [["2026-03-30T12:00:00Z"], ["2026-03-05T12:00:00Z", "2026-03-30T12:00:00Z"]])
def test_nothing_is_told_of_what_was_earned_again_in_time(engine: Engine, stops: list[str]) -> None:
    engine.feed([*in_debt(), *session("S-2", "2026-03-10"), *session("S-3", "2026-03-11")])
    for stop in stops:
        engine.advance(stop)
    assert told(engine) == []
    assert is_sound(engine)


def test_terms_that_are_shorter_now_are_looked_at_by_the_clock(engine: Engine) -> None:
    engine.feed(in_debt())
    engine.advance("2026-03-08T12:00:00Z")
    shorter = operator(changed=True, time="2026-03-08T13:00:00Z", negative={"warn_days": 3, "write_off_days": 400})
    engine.feed([shorter])
    engine.advance("2026-03-09T12:00:00Z")
    assert [kind for _, kind, _ in told(engine)] == [AGED[0]]
    assert is_sound(engine)


@pytest.mark.parametrize("fault", ["nobody looks", "it never ends"])
def test_it_is_seen_when_that_is_not_so(engine: Engine, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    if fault == "nobody looks":
        monkeypatch.setattr(operator_findings, "aged_balances", lambda *_: ([], {}))
    engine.feed(in_debt(negative={"warn_days": 2, "write_off_days": 5}))
    engine.advance("2026-03-08T12:00:00Z")
    if fault == "it never ends":
        monkeypatch.setattr(operator_findings, "_age", lambda *_: None)
        engine.feed([*session("S-2", "2026-03-09"), *session("S-3", "2026-03-09")])
        engine.advance("2026-03-11T12:00:00Z")
    assert "aged_balances" in {check.name for check in verify(engine.dsn).failed}
