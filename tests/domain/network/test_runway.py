"""Runways and costs that fall due, against a walk day by day, and by hand where versions follow each other."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.network.dated_costs import DatedCost, due_costs
from domain.network.runway import Inflow, runway
from tests.support.examples import examples

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
FIRST = date(2026, 2, 25)
DAYS = 60


def cost(cost_id: str = "C", amount: int = 100, every: str = "MONTH", **fields: object) -> DatedCost:
    """A cost of all sites from the first of January on, local time, told then."""
    since = datetime(2025, 12, 31, 23, tzinfo=UTC)
    told: dict[str, object] = {"location_id": None, "effective_from": since, "effective_to": None, "due_day": None}
    told |= {"time": since, "source": "urn:test", "id": "1"}
    return DatedCost(**{**told, "cost_id": cost_id, "amount": amount, "every": every, **fields})  # type: ignore[arg-type]


def due(*told: DatedCost) -> dict[str, int]:
    found = due_costs(told, FIRST, FIRST + timedelta(days=DAYS), AMSTERDAM)
    return {day.isoformat(): amount for day, amount in sorted(found.items())}


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=AMSTERDAM).astimezone(UTC)


def test_days_are_those_of_the_operators_calendar() -> None:
    assert due(cost()) == {"2026-03-01": 100, "2026-04-01": 100}
    assert due(cost(due_day=31)) == {"2026-02-28": 100, "2026-03-31": 100}
    assert due(cost(every="WEEK", due_day=7)) == dict.fromkeys(
        ["2026-03-01", *(f"2026-03-{n:02}" for n in (8, 15, 22, 29)), *(f"2026-04-{n:02}" for n in (5, 12, 19, 26))],
        100,
    )
    assert due(cost(every="ONCE", effective_from=midnight(date(2026, 3, 5)), due_day=3)) == {"2026-04-03": 100}
    assert due(cost(every="ONCE", effective_from=midnight(date(2026, 3, 5)))) == {"2026-03-05": 100}
    assert due(cost(every="ONCE")) == {}


def test_a_later_version_takes_the_place_of_the_one_before_for_its_sites() -> None:
    raised = cost(amount=130, effective_from=midnight(date(2026, 3, 20)), id="2")
    assert due(cost(), raised) == {"2026-03-01": 100, "2026-03-20": 130, "2026-04-20": 130}
    of_site = cost(amount=7, location_id="LOC-1", effective_from=midnight(date(2026, 3, 20)), due_day=1, id="2")
    assert due(cost(due_day=1), of_site) == {"2026-03-01": 100, "2026-04-01": 107}
    ended = cost(effective_to=midnight(date(2026, 4, 1)))
    assert due(ended) == {"2026-03-01": 100}
    told_twice = cost(amount=90, id="2", time=datetime(2026, 1, 2, tzinfo=UTC))
    assert due(told_twice, cost()) == due(cost(), told_twice) == {"2026-03-01": 90, "2026-04-01": 90}


@given(
    st.lists(
        st.tuples(
            st.integers(-70, 50),
            st.one_of(st.none(), st.integers(1, 90)),
            st.sampled_from(["DAY", "WEEK", "MONTH"]),
            st.one_of(st.none(), st.integers(1, 7)),
            st.sampled_from([None, "LOC-1", "loc-1", "LOC-2"]),
        ),
        max_size=5,
    )
)
@settings(max_examples=examples(60), deadline=None)
def test_costs_are_those_of_a_walk_over_days_and_sites(
    told: list[tuple[int, int | None, str, int | None, str | None]],
) -> None:
    versions = [
        cost(
            amount=10**number,
            every=every,
            due_day=due_day,
            location_id=location,
            effective_from=midnight(FIRST + timedelta(days=begins)),
            effective_to=None if lasts is None else midnight(FIRST + timedelta(days=begins + lasts)),
            id=str(number),
        )
        for number, (begins, lasts, every, due_day, location) in enumerate(told)
    ]
    wanted: dict[str, int] = {}
    for number in range(DAYS + 1):
        day = FIRST + timedelta(days=number)
        counting = set()
        # Somewhere else stands for every site that no version names.
        for site in ("loc-1", "loc-2", "somewhere else"):
            standing = [
                (begins, place)
                for place, (begins, lasts, *_, location) in enumerate(told)
                if (location is None or location.casefold() == site)
                and begins <= number
                and (lasts is None or number < begins + lasts)
            ]
            counting |= {place for _, place in sorted(standing)[-1:]}
        for place in counting:
            begins, _, every, due_day, _ = told[place]
            first = FIRST + timedelta(days=begins)
            day_of_month = min(due_day or first.day, monthrange(day.year, day.month)[1])
            falls = {
                "DAY": True,
                "WEEK": day.isoweekday() == (due_day or first.isoweekday()),
                "MONTH": day.day == day_of_month,
            }
            if falls[every]:
                wanted[day.isoformat()] = wanted.get(day.isoformat(), 0) + 10**place
    assert due(*versions) == dict(sorted(wanted.items()))


@given(
    st.one_of(st.none(), st.integers(-50, 500)),
    st.lists(
        st.tuples(st.integers(-3, 200), st.integers(0, 90), st.one_of(st.none(), st.integers(0, 90))), max_size=12
    ),
    st.dictionaries(st.integers(-3, 200), st.integers(0, 120), max_size=12),
)
@settings(max_examples=examples(60), deadline=None)
def test_what_is_left_is_what_came_less_what_fell_due(
    cash: int | None, told: list[tuple[int, int, int | None]], fall: dict[int, int]
) -> None:
    inflows = [
        Inflow(FIRST + timedelta(days=number), more, None if low is None else min(low, more))
        for number, more, low in told
    ]
    found = runway(cash, FIRST, inflows, {FIRST + timedelta(days=number): amount for number, amount in fall.items()})
    counted = [each for each in inflows if each.day >= FIRST]
    expected: list[int] = []
    low: list[int | None] = []
    for number in range(181):
        day = FIRST + timedelta(days=number)
        spent = sum(amount for due_on, amount in fall.items() if 0 < due_on <= number)
        expected.append((cash or 0) + sum(each.expected for each in counted if each.day <= day) - spent)
        least = [each.low for each in counted if each.day <= day]
        knows = all(each.low is not None for each in counted)
        low.append((cash or 0) + sum(each or 0 for each in least) - spent if knows else None)
    assert [each.left for each in found.days] == expected
    assert [each.low for each in found.days] == low
    below = next((number for number, left in enumerate(expected) if left < 0), None)
    assert found.runway_days == (None if cash is None else below)
    lowest = next((number for number, left in enumerate(low) if left is not None and left < 0), None)
    assert found.runway_days_low == (None if cash is None else lowest)
