"""Use by local day equals what a clock that walks through all ticks counts, in days of 23 and 25 hours as well."""

from collections import Counter
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.network.spans import day_in, most_at_once, united, without
from domain.network.use import Money, Stay, Use, channels_of, day_parts, in_service
from tests.support.examples import examples

_TICK_S = 450
_US = 1_000_000
# Around both changes of the clocks in Amsterdam, and a zone that is half an hour off, on either side of its own.
_PLACES = [
    ("Europe/Amsterdam", datetime(2026, 3, 28, 12, tzinfo=UTC)),
    ("Europe/Amsterdam", datetime(2026, 10, 24, 12, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2026, 4, 4, 0, tzinfo=UTC)),
    ("America/Asuncion", datetime(2023, 9, 30, 12, tzinfo=UTC)),
    ("Asia/Beirut", datetime(2026, 10, 24, 12, tzinfo=UTC)),
]
_TICKS = st.integers(0, 300)


@st.composite
def _sessions(draw: st.DrawFn) -> tuple[ZoneInfo, int, list[Stay]]:
    name, base = draw(st.sampled_from(_PLACES))
    start = int(base.timestamp())
    stays = []
    for _ in range(draw(st.integers(1, 5))):
        began, until = sorted((draw(_TICKS), draw(_TICKS)))
        cuts = sorted(draw(st.lists(st.integers(began, until), max_size=4, unique=True)))
        charging = list(zip(cuts[::2], cuts[1::2], strict=False))
        at = [_microsecond(start, tick) for tick in range(began, until)]
        quarters = {each - each % (900 * _US): Fraction(draw(st.integers(1, 900)), 7) for each in at}
        spans = [(_microsecond(start, first), _microsecond(start, last)) for first, last in charging]
        money = Money("EUR", draw(st.integers(0, 900)), 1) if draw(st.booleans()) else None
        stays.append(
            Stay(
                draw(st.sampled_from(["", "NL-ABC"])),
                _microsecond(start, began),
                _microsecond(start, until),
                True,
                spans,
                sum(quarters.values()),
                list(quarters.items()),
                money,
            )
        )
    return ZoneInfo(name), start, stays


def _microsecond(start: int, tick: int) -> int:
    return (start + tick * _TICK_S) * _US


def _date(microsecond: int, zone: ZoneInfo) -> date:
    return datetime.fromtimestamp(microsecond // _US, zone).date()


def _counted(zone: ZoneInfo, start: int, stays: list[Stay]) -> dict[Any, Any]:
    """By date: ticks occupied and charging, Wh, sessions and net, counted tick by tick; by channel too."""
    found: Counter[Any] = Counter()
    for tick in range(301):
        at = _microsecond(start, tick)
        here = [stay for stay in stays if stay.began <= at < stay.until]
        charges = [stay for stay in here if any(begin <= at < end for begin, end in stay.charging)]
        for what, those in (("occupied", here), ("charging", charges)):
            found[_date(at, zone), what, None] += bool(those) * _TICK_S * _US
            for channel in {stay.channel for stay in those}:
                found[_date(at, zone), what, channel] += _TICK_S * _US
    for stay in stays:
        found[_date(stay.began, zone), "sessions", None] += 1
        if stay.money is not None:
            found[_date(stay.until, zone), "net", None] += stay.money.net
        for at, wh in stay.quarters:
            found[_date(at, zone), "wh", None] += wh  # type: ignore[assignment]
    return {key: value for key, value in found.items() if value}


@settings(max_examples=examples(12))
@given(_sessions())
def test_a_day_is_what_a_clock_counts(told: tuple[ZoneInfo, int, list[Stay]]) -> None:
    zone, start, stays = told
    parts: dict[date, list[Any]] = {}
    for stay in stays:
        for day, part in day_parts(stay, zone).items():
            parts.setdefault(day, []).append(part)
    found: Counter[Any] = Counter()
    for day, of_day in parts.items():
        for channel, each in channels_of(of_day).items():
            found[day, "occupied", None] += each.own_occupied_us
            found[day, "charging", None] += each.own_charging_us
            found[day, "occupied", channel] += each.occupied_us
            found[day, "charging", channel] += each.charging_us
            found[day, "wh", None] += each.energy_wh  # type: ignore[assignment]
            found[day, "sessions", None] += each.sessions
            found[day, "net", None] += sum(net for _, net, _ in each.money.values())
    assert {key: value for key, value in found.items() if value} == _counted(zone, start, stays)


def test_days_have_23_and_25_hours_where_the_clocks_change() -> None:
    amsterdam = ZoneInfo("Europe/Amsterdam")
    hours = {
        day: (end - begin) // (3600 * _US)
        for day in (date(2026, 3, 29), date(2026, 10, 25), date(2026, 6, 1))
        for begin, end in [day_in(day, amsterdam)]
    }
    assert list(hours.values()) == [23, 25, 24]
    # Samoa had no 30 December 2011.
    begin, end = day_in(date(2011, 12, 30), ZoneInfo("Pacific/Apia"))
    assert begin == end


@settings(max_examples=examples(40))
@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=8),
)
def test_spans_are_what_their_moments_are(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    moments = [{at for begin, end in spans for at in range(begin, end)} for spans in (one, other)]
    assert {at for begin, end in united(one) for at in range(begin, end)} == moments[0]
    left = without(united(one), united(other))
    assert {at for begin, end in left for at in range(begin, end)} == moments[0] - moments[1]
    counts = Counter(at for begin, end in one for at in range(begin, end))
    assert most_at_once(one) == max(counts.values(), default=0)


@settings(max_examples=examples(40))
@given(
    st.integers(0, 50),
    st.lists(st.tuples(st.integers(0, 60), st.sampled_from(["PLANNED", "REMOVED", "AVAILABLE", "OUTOFORDER"]))),
)
def test_in_service_is_from_the_first_message_without_planned_and_removed(
    first: int, told: list[tuple[int, str]]
) -> None:
    statuses = sorted(told, key=lambda each: each[0])
    first = min([first, *(at for at, _ in statuses)])
    served = set()
    for at in range(first, 55):
        ruling = [status for since, status in statuses if since <= at]
        if not ruling or ruling[-1] not in ("PLANNED", "REMOVED"):
            served.add(at)
    spans = in_service(first, statuses, 55)
    assert {at for begin, end in spans for at in range(begin, end)} == served


def test_utilisations_are_exact_and_none_where_they_have_no_base() -> None:
    day = 86_400 * _US
    use = Use(day, day // 4, day // 8, 66_000, 3, 3, 22_000 * day, {"EUR": (3, 1200, 1000)})
    assert (use.time_utilisation, use.charging_utilisation) == (Fraction(1, 4), Fraction(1, 8))
    # 66 kWh of the 528 kWh that 22 kW give in a day.
    assert (use.energy_utilisation, use.idle_share) == (Fraction(1, 8), Fraction(1, 2))
    assert [use.per_service_hour(1200), use.per_occupied_hour(1200)] == [50, 200]
    nothing = Use(0, 0, 0, 0, 0, 0)
    assert (nothing.time_utilisation, nothing.energy_utilisation, nothing.idle_share) == (None, None, None)


def test_what_is_cut_to_seconds_adds_up() -> None:
    use = Use(10 * _US, 3_000_000, 1_500_001, 0, 1, 1)
    assert (use.occupied_s, use.charging_s, use.idle_s) == (3, 1, 2)


@pytest.mark.parametrize("ended", [True, False])
def test_what_ends_at_midnight_earns_in_the_day_that_begins(ended: bool) -> None:
    begin, end = day_in(date(2026, 6, 1), ZoneInfo("Europe/Amsterdam"))
    stay = Stay("", begin, end, ended, [], 0, [], Money("EUR", 500, 400) if ended else None)
    parts = day_parts(stay, ZoneInfo("Europe/Amsterdam"))
    assert [day for day, part in parts.items() if part.starts] == [date(2026, 6, 1)]
    assert [day for day, part in parts.items() if part.ends] == ([date(2026, 6, 2)] if ended else [])
