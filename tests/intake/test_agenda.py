"""When runs fire by a clock that goes on second by second: at their moments, once each, also where clocks change."""

from datetime import datetime, timedelta

import pytest

from domain.calendar import instant
from engine import agenda
from engine.due_runs import due_runs
from tests.intake.test_approvals import SHARE, payouts
from tests.intake.test_holds_and_stops import fired
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import operator, session, tariff

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("day", "cutoff", "moment"),
    [
        ("2026-03-27", "02:30", "2026-03-28T01:30:00Z"),
        # 02:30 is skipped in Amsterdam on 29 March, where 03:00 comes instead, and is there twice on 25 October.
        ("2026-03-28", "02:30", "2026-03-29T01:00:00Z"),
        ("2026-10-24", "02:30", "2026-10-25T00:30:00Z"),
    ],
)
def test_a_run_fires_at_its_moment_and_not_a_second_before_it(
    engine: Engine, day: str, cutoff: str, moment: str
) -> None:
    engine.feed([operator(payout_cutoff_time=cutoff), tariff(), *session("S-1", day)])
    at = instant(moment)
    made = [engine.clock.advance(at + number * SECOND) for number in (-40, -20, -1, 0, 1, 3_600, 7_200)]
    assert made == [0, 0, 0, 1, 0, 0, 0]
    assert fired(engine) == [(day[-2:], moment[8:16])]
    assert verify(engine.dsn).passed


def test_what_is_published_is_due_at_once_although_nothing_was(engine: Engine) -> None:
    at = instant("2026-03-03T12:00:00Z")
    engine.feed([operator("OP-9")])
    assert engine.clock.advance(at) == engine.clock.advance(at + SECOND) == 0
    engine.feed([operator(), tariff(), *session()])
    assert engine.clock.advance(at + 2 * SECOND) == 1
    assert payouts(engine) == [("02", 1, "IN_TRANSIT", SHARE)]


def test_while_nothing_can_be_due_operators_are_not_looked_at(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[datetime] = []

    def counted(cursor: object, catalogue: object, until: datetime) -> object:
        looks.append(until)
        return due_runs(cursor, catalogue, until)  # type: ignore[arg-type]

    monkeypatch.setattr(agenda, "due_runs", counted)
    engine.feed([operator(), tariff()])
    at = instant("2026-03-03T12:00:00Z")
    for number in range(120):
        engine.clock.advance(at + number * SECOND)
    # The first look finds a run that is due, the next one nothing; from then on one look a minute is enough.
    assert [(each - at).seconds for each in looks] == [0, 1, 61]


def test_after_three_cut_offs_without_a_clock_each_run_is_made_once_for_its_own_date(engine: Engine) -> None:
    days = ("2026-03-02", "2026-03-03", "2026-03-04")
    engine.feed([operator(time_zone="UTC"), tariff()])
    for number, day in enumerate(days, 1):
        engine.feed(session(f"S-{number}", day))
    at = instant("2026-03-05T09:00:00Z")
    assert [engine.clock.advance(at + number * SECOND) for number in range(3)] == [3, 0, 0]
    assert payouts(engine) == [(day[-2:], 1, "IN_TRANSIT", SHARE) for day in days]
    assert verify(engine.dsn).passed
