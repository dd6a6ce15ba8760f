"""What people decide for a moment to come acts at that moment, and not when it is taken in."""

from collections.abc import Iterator
from datetime import datetime
from random import Random

import pytest

from domain.calendar import instant
from engine.intake import Intake
from engine.working_set import WorkingSet
from tests.intake.test_approvals import SHARE, TWO, decided, network, payouts, refusals, waiting
from tests.intake.test_far_ahead import notices
from tests.intake.test_holds_and_stops import switch
from tests.support.audited import verify
from tests.support.decisions import KEYRING
from tests.support.engine import Engine
from tests.support.events import session
from tests.support.matters import approved, proposed

NOW = instant("2026-03-03T08:00:00Z")


class Wall:
    """A clock on the wall that tests set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        """What it shows."""
        return self.now


@pytest.fixture(autouse=True)
def wall(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the clock of this machine shows while runs are made: a moment before all that is moved to."""
    monkeypatch.setattr("engine.clock.wall_clock", lambda: instant("2026-03-03T00:00:00Z"))


@pytest.fixture
def living(database_url: str) -> Iterator[Engine]:
    """An engine that takes in at NOW, as a live system does."""
    engine = Engine(database_url)
    engine.intake.close()
    engine.intake = Intake(WorkingSet.of(database_url, decision_keys=KEYRING), Wall())
    engine.epochs = {home: claim.epoch for home, claim in engine.intake.claim([(engine.topic, 0)]).items()}
    yield engine
    engine.close()


def sound(engine: Engine) -> None:
    assert [finding for check in verify(engine.dsn).failed for finding in check.findings] == []


def test_an_approval_of_tomorrow_lets_it_go_tomorrow(living: Engine) -> None:
    payout = waiting(living)
    living.feed([decided("approved", payout, "04 09:30")])
    living.advance("2026-03-03T08:30:00Z")
    assert payouts(living) == [("02", 1, "AWAITING_APPROVAL", SHARE)]
    assert living.journal_kinds().count("J35") == 0
    assert notices(living, "PAYOUT_APPROVED") == []
    sound(living)
    living.advance("2026-03-04T09:29:59Z")
    assert payouts(living)[0][2] == "AWAITING_APPROVAL"
    living.advance("2026-03-04T09:30:00Z")
    assert payouts(living)[0][2] == "IN_TRANSIT"
    sound(living)


def test_before_it_acts_others_may_reject(living: Engine) -> None:
    payout = waiting(living)
    living.feed([decided("approved", payout, "04 09:30"), decided("rejected", payout, "03 07:00", "a.keller")])
    assert payouts(living)[0][2] == "REJECTED"
    living.advance("2026-03-04T12:00:00Z")
    assert payouts(living)[0] == ("02", 1, "REJECTED", SHARE)
    assert len(refusals(living)) == 1
    sound(living)


def test_a_rejection_of_tomorrow_frees_its_lines_tomorrow(living: Engine) -> None:
    payout = waiting(living)
    living.feed([decided("rejected", payout, "04 09:30")])
    assert payouts(living)[0][2] == "AWAITING_APPROVAL"
    living.advance("2026-03-05T00:00:00Z")
    assert [status for _, _, status, _ in payouts(living)] == ["REJECTED", "AWAITING_APPROVAL"]
    sound(living)


def test_payouts_that_are_resumed_tomorrow_go_tomorrow(living: Engine) -> None:
    payout = waiting(living)
    living.feed(
        [
            switch("payouts.stopped", "03 06:00"),
            decided("approved", payout, "03 07:00"),
            switch("payouts.resumed", "04 06:00"),
        ]
    )
    living.advance("2026-03-03T08:30:00Z")
    assert payouts(living)[0][2] == "AWAITING_APPROVAL"
    sound(living)
    living.advance("2026-03-04T06:00:00Z")
    assert payouts(living)[0][2] == "IN_TRANSIT"
    sound(living)


def test_an_approval_that_was_counted_stays_so_by_a_clock_that_is_behind(living: Engine) -> None:
    payout = waiting(living, **TWO)
    living.feed([decided("approved", payout, "03 07:59"), decided("approved", payout, "03 07:59", "M.Ortega")])
    assert len(refusals(living)) == 1
    # Something has it looked at again, before the clock has come as far as the intake was.
    living.feed([switch("operator.payouts_held", "03 07:00", "OP-1")])
    living.feed([switch("operator.payouts_released", "03 07:01", "OP-1")])
    living.advance("2026-03-03T07:30:00Z")
    assert living.rows("SELECT count(*) FROM event_store.stored_events WHERE topic = 'DecisionCounts'") == [(0,)]
    assert len(notices(living, "PAYOUT_APPROVED")) == 1
    sound(living)


@pytest.mark.parametrize("seed", range(3))
def test_until_its_time_it_does_nothing_in_any_order(database_url: str, seed: int) -> None:
    engine = Engine(database_url, before_clock=True)
    payout_of = waiting(engine)
    said = [
        decided("approved", payout_of, "05 09:30"),
        switch("payouts.stopped", "04 06:00"),
        switch("payouts.resumed", "06 06:00"),
    ]
    Random(seed).shuffle(said)
    engine.feed(said, batch=1)
    engine.advance("2026-03-05T09:00:00Z")
    assert payouts(engine)[0][2] == "AWAITING_APPROVAL"
    sound(engine)
    engine.advance("2026-03-07T00:00:00Z")
    assert payouts(engine)[0][2] == "IN_TRANSIT"
    found = engine.rows("SELECT effective_at FROM book.entry WHERE kind = 'J35'")
    assert [f"{at:%d %H:%M}" for (at,) in found] == ["06 06:00"]
    sound(engine)
    engine.close()


def test_an_adjustment_that_is_approved_for_tomorrow_is_no_line_of_today(living: Engine) -> None:
    words = [proposed(at="2026-03-02T12:00:00Z"), approved(at="2026-03-04T12:00:00Z")]
    living.feed([*network(payout_requires_approval=False), *session("S-3", "2026-03-03"), *words])
    living.advance("2026-03-05T00:00:00Z")
    assert [(day, amount) for day, _, _, amount in payouts(living)] == [("02", SHARE), ("03", SHARE), ("04", 2500)]
    sound(living)
