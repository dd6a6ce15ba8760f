"""An operator that one run finds below zero and the next one does not: people are told that it is over at once."""

import pytest

from domain.calendar import instant
from domain.payout.cover import CoverRule
from engine.office import Office
from engine.run_sets import Fired, RunSets
from engine.working_set import WorkingSet
from tests.conftest import Stores
from tests.support.aftermath import refunded
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import captured, money, operator, session, tariff

BELOW = [
    operator(payout_minimum="1000.00"),
    tariff(),
    *session("S-1", "2026-03-02"),
    captured("S-1", "2026-03-02T12:00:00Z"),
    refunded("R-1", "S-1", "2026-03-02T13:00:00Z", money("60.00"), "OPERATOR"),
]
ABOVE = [
    event
    for number in range(2, 10)
    for event in (
        *session(f"S-{number}", "2026-03-04"),
        captured(f"S-{number}", "2026-03-04T12:00:00Z", payment_id=f"P-S-{number}"),
    )
]
_TOLD = """
SELECT topic FROM event_store.stored_events
WHERE topic ~ '^Finding' AND convert_from(state, 'UTF8') ~ 'NEGATIVE_B' ORDER BY notification_id
"""


@pytest.mark.parametrize("rule", CoverRule)
def test_it_ends_with_the_first_run_above_zero_though_one_clock_fires_both(rule: CoverRule, stores: Stores) -> None:
    with stores() as dsn:
        engine = Engine(dsn, cover_rule=rule)
        engine.feed([*BELOW, *ABOVE])
        engine.advance("2026-03-07T12:00:00Z")
        told = [topic for (topic,) in engine.rows(_TOLD)]
        assert told == ["FindingOpened", "FindingEnded"]
        assert [check.name for check in verify(dsn).failed] == []
        engine.close()


@pytest.mark.parametrize("rule", CoverRule)
def test_it_goes_on_where_another_clock_has_fired_the_runs_that_this_one_found_due(
    rule: CoverRule, stores: Stores
) -> None:
    until = instant("2026-03-07T12:00:00Z")
    with stores() as dsn:
        engine = Engine(dsn, cover_rule=rule)
        engine.feed(BELOW)
        engine.advance(until)
        late = WorkingSet.of(dsn, cover_rule=rule)
        with late.gateway.transaction() as cursor:
            fired = Fired.after(cursor)
        RunSets(late, Office(late, now=until), stops=rule is CoverRule.STOP).fire(["OP-1"], until, fired)
        late.close()
        told = [topic for (topic,) in engine.rows(_TOLD)]
        assert told == ["FindingOpened"]
        assert [check.name for check in verify(dsn).failed] == []
        engine.close()
