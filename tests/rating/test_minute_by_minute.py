"""A session cut at its edges costs what it costs when every minute is judged by itself."""

from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.charging import Phase
from domain.rating.periods import split
from domain.rating.pricing import price
from domain.tariff.restrictions import WEEKDAYS
from domain.tariff.tariff import Tariff
from tests.rating.rating_builders import PATIENT, component, document, element, some_can_apply
from tests.rating.test_price_properties import CLOCKS, STARTS, ZONES
from tests.support.examples import examples

RESTRICTIONS = st.fixed_dictionaries(
    {},
    optional={
        "start_time": CLOCKS,
        "end_time": CLOCKS,
        "day_of_week": st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=4, unique=True),
        "start_date": st.sampled_from(["2024-03-05", "2024-03-31", "2024-10-27", "2024-04-26"]),
        "end_date": st.sampled_from(["2024-03-06", "2024-04-01", "2024-10-28"]),
        "min_duration": st.integers(0, 300).map(lambda minutes: minutes * 60),
        "max_duration": st.integers(1, 900).map(lambda minutes: minutes * 60),
    },
)
ELEMENTS = st.lists(st.tuples(RESTRICTIONS, st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=5).filter(
    lambda made: some_can_apply([element(**conditions) for conditions, _, _ in made])
)


def holds(restrictions: dict[str, Any], local: datetime, minutes: int) -> bool:
    """Whether restrictions hold at a local time, so many minutes into the session; written down once more."""
    clock = f"{local:%H:%M}"
    start, end = restrictions.get("start_time", "00:00"), restrictions.get("end_time", "00:00")
    in_window = start <= clock < end if start < end else clock >= start or clock < end
    if start == end:
        in_window = True
    return (
        in_window
        and ("day_of_week" not in restrictions or WEEKDAYS[local.weekday()] in restrictions["day_of_week"])
        and ("start_date" not in restrictions or local.date() >= date.fromisoformat(restrictions["start_date"]))
        and ("end_date" not in restrictions or local.date() < date.fromisoformat(restrictions["end_date"]))
        and minutes * 60 >= restrictions.get("min_duration", 0)
        and minutes * 60 < restrictions.get("max_duration", 10**9)
    )


@settings(PATIENT, max_examples=examples(100))
@given(ELEMENTS, STARTS, st.integers(1, 2000), st.integers(0, 2000), ZONES)
def test_every_edge_of_clock_calendar_and_duration_is_found(
    elements: list[tuple[dict[str, Any], int, int]], start: datetime, lasting: int, idle_from: int, zone: ZoneInfo
) -> None:
    terms = Tariff.from_ocpi(
        document(
            *[
                element(component("TIME", charging), component("PARKING_TIME", parking), **restrictions)
                for restrictions, charging, parking in elements
            ]
        )
    )
    end = start + timedelta(minutes=lasting)
    periods = split(
        tariff=terms,
        time_zone=zone,
        started_at=start,
        ended_at=end,
        registers=[(start, 0), (end, 0)],
        states=[(start + timedelta(minutes=idle_from), Phase.IDLE)],
    )
    owed = 0
    for minute in range(lasting):
        local = (start + timedelta(minutes=minute)).astimezone(zone)
        active = [
            (charging, parking) for restrictions, charging, parking in elements if holds(restrictions, local, minute)
        ]
        if active:
            owed += active[0][minute >= idle_from]
    assert price(terms, periods, zone).total.excl_vat == Fraction(owed, 60)
