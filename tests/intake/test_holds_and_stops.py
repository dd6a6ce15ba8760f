"""Payouts that people hold and release, stop and resume: what is held is carried, what is stopped is made later."""

from typing import Any

import pytest

from domain.calendar import instant as at
from engine import run_sets
from tests.intake.test_approvals import SHARE, created, decided, payouts, refusals, waiting
from tests.intake.test_far_ahead import notices
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import event, operator, session, tariff

OTHER = {"holder": "Two", "iban": "NL20INGB0001234567"}


def switch(type_: str, at: str, operator_id: str | None = None, by: str = "m.ortega") -> dict[str, Any]:
    """A person's decision at a moment of March."""
    time = f"2026-03-{at.replace(' ', 'T')}:00Z"
    data = {"at": time, "reason": "captures come in twice", "by": by}
    if operator_id is not None:
        data["operator_id"] = operator_id
    return event(type_, operator_id or "payouts", time, data, f"{type_}:{operator_id}:{at}:{by}")


def fired(engine: Engine) -> list[tuple[str, str]]:
    """The business date and the moment of each payout."""
    rows = engine.rows(
        "SELECT body ->> 'business_date', body ->> 'fired_at' FROM event_store.stored_events, LATERAL "
        "(SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed WHERE topic = 'PayoutCreated' ORDER BY 1, 2"
    )
    return [(day[-2:], at[8:16]) for day, at in rows]


@pytest.fixture
def two(engine: Engine) -> Engine:
    """Sessions of 2 and 3 March."""
    engine.feed([operator(time_zone="UTC"), tariff(), *session(), *session("S-2", "2026-03-03")])
    return engine


def test_runs_that_fire_while_payouts_are_held_pay_nothing_and_carry_their_lines(two: Engine) -> None:
    two.feed(
        [switch("operator.payouts_held", "02 12:00", "OP-1"), switch("operator.payouts_released", "03 12:00", "OP-1")]
    )
    two.advance("2026-03-05T00:00:00Z")
    assert payouts(two) == [("03", 1, "IN_TRANSIT", 2 * SHARE)]
    assert [each["operator_id"] for each in notices(two, "PAYOUTS_HELD")] == ["OP-1"]
    assert len(notices(two, "PAYOUTS_RELEASED")) == 1
    assert verify(two.dsn).passed, verify(two.dsn).failed


def test_what_changes_nothing_is_refused_until_it_does(two: Engine) -> None:
    two.feed([switch("operator.payouts_released", "02 12:00", "OP-1"), switch("payouts.resumed", "02 12:00")])
    assert sorted(refusals(two)) == ["payouts are not stopped", "the payouts of OP-1 are not held"]
    two.feed([switch("operator.payouts_held", "02 11:00", "OP-1")])
    counts = two.rows(
        "SELECT convert_from(state, 'UTF8')::jsonb ->> 'type' FROM event_store.stored_events "
        "WHERE topic = 'DecisionCounts'"
    )
    assert counts == [("operator.payouts_released",)]


def test_runs_missed_while_all_payouts_are_stopped_are_made_when_they_are_resumed(two: Engine) -> None:
    two.feed([switch("payouts.stopped", "02 12:00"), switch("payouts.resumed", "04 12:00")])
    two.advance("2026-03-05T00:00:00Z")
    assert fired(two) == [("02", "04T12:00"), ("03", "04T12:00")]
    assert payouts(two) == [("02", 1, "IN_TRANSIT", SHARE), ("03", 1, "IN_TRANSIT", SHARE)]
    assert verify(two.dsn).passed, verify(two.dsn).failed


def test_nothing_leaves_a_live_system_while_payouts_are_stopped_whenever_it_was_due(two: Engine) -> None:
    two.feed([switch("payouts.stopped", "20 12:00")])
    two.advance("2026-03-21T00:00:00Z")
    assert payouts(two) == []
    two.feed([switch("payouts.resumed", "20 13:00")])
    two.advance("2026-03-21T00:00:00Z")
    assert fired(two) == [("02", "03T00:00"), ("03", "04T00:00")]
    assert notices(two, "RUNS_LATE") == []
    assert verify(two.dsn).passed, verify(two.dsn).failed


def test_runs_that_were_stopped_are_not_told_to_be_late(two: Engine) -> None:
    two.advance("2026-03-03T01:00:00Z")
    two.feed([switch("payouts.stopped", "03 12:00")])
    two.advance("2026-03-06T01:00:00Z")
    two.feed([switch("payouts.resumed", "06 12:00")])
    two.advance("2026-03-06T13:00:00Z")
    assert fired(two) == [("02", "03T00:00"), ("03", "06T12:00")]
    assert notices(two, "RUNS_LATE") == []


def test_a_stop_in_the_middle_of_a_run_lets_no_further_payout_leave(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_sets, "OPERATORS_PER_RUN_SET", 3)
    names = [f"OP-{number}" for number in range(1, 8)]
    engine.feed([operator(name, time_zone="UTC", bank_account=OTHER) for name in names])
    for number, name in enumerate(names, 1):
        first, *rest = session(f"S-{number}")
        of_operator = {"operator_id": name, "tariff_id": f"T-{number}"}
        engine.feed([tariff(name, f"T-{number}"), first | {"data": first["data"] | of_operator}, *rest])
    done = 0

    def stop(stage: str, count: int) -> None:
        nonlocal done
        if stage == "operators":
            done += count
            if done == 3:
                engine.feed([switch("payouts.stopped", "03 00:02")])

    engine.clock.advance(at("2026-03-03T00:05:00Z"), stop)
    assert len(payouts(engine)) == 3
    engine.advance("2026-03-03T06:00:00Z")
    assert len(payouts(engine)) == 3
    engine.feed([switch("payouts.resumed", "03 08:00")])
    engine.advance("2026-03-03T09:00:00Z")
    assert payouts(engine) == [("02", 1, "IN_TRANSIT", SHARE)] * 7
    assert sum(amount for account, amount in engine.balances().items() if account.startswith("2050/")) == -7 * SHARE
    assert verify(engine.dsn).passed, verify(engine.dsn).failed


def test_what_is_approved_while_payouts_are_stopped_goes_when_they_are_resumed(engine: Engine) -> None:
    payout = waiting(engine)
    engine.feed([switch("payouts.stopped", "03 08:00"), decided("approved", payout, "03 09:00")])
    engine.advance("2026-03-03T10:00:00Z")
    assert payouts(engine)[0][2] == "AWAITING_APPROVAL"
    engine.feed([switch("payouts.resumed", "03 12:00")])
    engine.advance("2026-03-03T12:30:00Z")
    assert payouts(engine)[0][2] == "IN_TRANSIT"
    handed_off = engine.rows("SELECT effective_at FROM book.entry WHERE kind = 'J35'")
    assert [f"{moment:%d %H:%M}" for (moment,) in handed_off] == ["03 12:00"]
    assert verify(engine.dsn).passed, verify(engine.dsn).failed


def test_what_is_approved_while_payouts_are_held_has_to_be_approved_again(engine: Engine) -> None:
    payout = waiting(engine)
    engine.feed([switch("operator.payouts_held", "03 08:00", "OP-1"), decided("approved", payout, "03 09:00")])
    assert payouts(engine)[0][2] == "AWAITING_APPROVAL"
    assert refusals(engine)[0].startswith("the payouts of OP-1 were held, by m.ortega at 2026-03-03T08:00:00Z")
    engine.feed([switch("operator.payouts_released", "03 10:00", "OP-1"), decided("approved", payout, "03 11:00")])
    assert payouts(engine)[0][2] == "IN_TRANSIT"
    assert verify(engine.dsn).passed, verify(engine.dsn).failed


def test_a_failed_payout_is_not_made_again_while_payouts_are_held(engine: Engine) -> None:
    engine.feed([operator(time_zone="UTC"), tariff(), *session()])
    engine.advance("2026-03-03T00:00:00Z")
    payout = created(engine)
    failed = {"payout_id": payout.payout_id, "at": "2026-03-03T12:00:00Z", "reason": "AM04"}
    engine.feed([event("payout.failed", payout.payout_id, failed["at"], failed)])
    engine.feed([switch("operator.payouts_held", "03 13:00", "OP-1")])
    engine.advance("2026-03-05T00:00:00Z")
    assert payouts(engine) == [("02", 1, "FAILED", SHARE)]
    engine.feed([switch("operator.payouts_released", "05 13:00", "OP-1")])
    engine.advance("2026-03-06T00:00:00Z")
    assert payouts(engine) == [("02", 1, "FAILED", SHARE), ("02", 2, "IN_TRANSIT", SHARE)]
    assert verify(engine.dsn).passed, verify(engine.dsn).failed
