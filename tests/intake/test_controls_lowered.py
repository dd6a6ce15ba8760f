"""Terms that ask for less approval than those before: what waits does not go by them, and people are told."""

from random import Random
from typing import Any

import pytest

from domain.catalogue import account_changes
from tests.intake.test_approvals import SHARE, TWO, created, decided, network, payouts, waiting
from tests.intake.test_far_ahead import notices
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import operator, session

LIFTED = "2026-03-03T20:00:00Z"


def lifting(time: str = LIFTED, **terms: Any) -> dict[str, Any]:
    """Terms without any approval."""
    return operator(changed=True, time=time, **({"time_zone": "UTC"} | terms))


def open_findings(engine: Engine) -> list[tuple[str, str]]:
    return engine.rows("SELECT operator_id, kind FROM intake.operator_finding WHERE kind = 'CONTROLS_LOWERED'")


def sound(engine: Engine) -> None:
    assert [finding for check in verify(engine.dsn).failed for finding in check.findings] == []


def test_a_payout_that_waits_goes_on_waiting_for_as_many_people(engine: Engine) -> None:
    payout = waiting(engine, **TWO)
    engine.feed([lifting("2026-03-03T08:00:00Z", by="z.maker"), decided("approved", payout, "05 09:00")])
    engine.advance("2026-03-06T00:00:00Z")
    assert payouts(engine) == [("02", 1, "AWAITING_APPROVAL", SHARE)]
    engine.feed([decided("approved", payout, "06 09:00", "a.keller")])
    assert payouts(engine) == [("02", 1, "IN_TRANSIT", SHARE)]
    sound(engine)


def test_runs_within_the_cooling_off_go_by_the_terms_before_too(engine: Engine) -> None:
    engine.feed([*network(**TWO), *session("S-3", "2026-03-03"), *session("S-4", "2026-03-04")])
    engine.advance("2026-03-03T00:00:00Z")
    engine.feed([lifting()])
    engine.advance("2026-03-05T00:00:00Z")
    assert payouts(engine) == [
        ("02", 1, "AWAITING_APPROVAL", SHARE),
        ("03", 1, "AWAITING_APPROVAL", SHARE),
        ("04", 1, "IN_TRANSIT", SHARE),
    ]
    assert created(engine, "03").approvals == 2
    sound(engine)


def test_people_are_told_who_lowered_what_and_until_when_they_have_time(engine: Engine) -> None:
    engine.feed(network(account_change="CONFIRM"))
    engine.advance("2026-03-03T00:00:00Z")
    engine.feed([lifting(by="z.maker")])
    assert open_findings(engine) == [("OP-1", "CONTROLS_LOWERED")]
    (told,) = notices(engine, "CONTROLS_LOWERED")
    assert told["sentence"] == (
        "z.maker, by urn:test, lowered the terms of OP-1 from 2026-03-03T20:00:00Z on: requires_approval is lifted; "
        "account_change is CONFIRM no more. The terms before count as well until 2026-03-04T20:00:00Z"
    )
    engine.advance("2026-03-04T19:59:59Z")
    assert open_findings(engine) == [("OP-1", "CONTROLS_LOWERED")]
    engine.advance("2026-03-04T20:00:00Z")
    assert open_findings(engine) == []
    # What is over is not told again by what is published next.
    engine.feed([lifting("2026-03-06T00:00:00Z", name="Other")])
    assert open_findings(engine) == []
    assert len(notices(engine, "CONTROLS_LOWERED")) == len(notices(engine, "CONTROLS_LOWERED_ENDED")) == 1
    sound(engine)


@pytest.mark.parametrize("seed", range(3))
def test_it_is_the_same_in_any_order_of_arrival(engine: Engine, seed: int) -> None:
    told = [*network(**TWO), *session("S-3", "2026-03-03"), *session("S-4", "2026-03-04"), lifting()]
    Random(seed).shuffle(told)
    engine.feed(told, batch=2)
    engine.advance("2026-03-06T00:00:00Z")
    assert [status for _, _, status, _ in payouts(engine)] == [*["AWAITING_APPROVAL"] * 2, "IN_TRANSIT"]
    assert open_findings(engine) == []
    sound(engine)


def test_an_engine_that_lets_a_payout_go_by_the_new_terms_at_once_is_found(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(account_changes, "lowered", lambda *_: ())
    engine.feed([*network(**TWO), *session("S-3", "2026-03-03"), lifting()])
    engine.advance("2026-03-04T00:00:00Z")
    assert payouts(engine)[1] == ("03", 1, "IN_TRANSIT", SHARE)
    assert {check.name for check in verify(engine.dsn).failed} == {"run_amounts"}
