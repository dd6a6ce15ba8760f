"""Which elements of a tariff can hold together: every pattern that any moment can show, found without a clock.

Restrictions change their answers at their edges only (`Restriction.edges`), and each looks at one thing: the time of
day, the calendar, energy, duration, power or current. So a handful of values of each thing stands for all of them,
and what holds at a moment is what holds of its time, its day, its energy and so on together.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time
from fractions import Fraction
from itertools import islice

from domain.charging import ChargingPeriod, Phase
from domain.tariff.elements import Element, first_of_dimension
from domain.tariff.restrictions import (
    CurrentBand,
    DateRange,
    DurationBand,
    Edges,
    EnergyBand,
    Moment,
    PowerBand,
    Restriction,
    TimeWindow,
    Weekdays,
)
from domain.values import value

# A set of elements as bits: bit n stands for element n.
Pattern = int

# More than any tariff for people has; what only a made-up tariff needs is not worth the time of the intake.
MOST_PATTERNS = 4096
MOST_QUESTIONS = 200_000
_DAYS_PER_WEEK = 7
_SOME_TIME = datetime(2026, 1, 1, tzinfo=UTC)
_SOME_DAY = date(2026, 1, 1)
_NOWHERE = Moment(_SOME_TIME, 0, 0, 0, ChargingPeriod(_SOME_TIME, _SOME_TIME, Phase.CHARGING, 0))

_Moments = Callable[[Edges, bool], Iterator[Moment]]


def patterns(elements: Sequence[Element], *, usual: bool) -> frozenset[Pattern] | None:
    """Every set of elements whose restrictions can hold at one moment; None when there are too many to tell.

    With `usual`, of moments at which neither energy nor power flows back and a lowest value is below the highest;
    without, of any moment that a record could claim, so that more may be in it than ever happens.
    """
    everything = (1 << len(elements)) - 1
    found = {everything}
    for kinds, moments in _THINGS.items():
        judged = [tuple(r for r in element.restrictions if isinstance(r, kinds)) for element in elements]
        edges = Edges()
        for restriction in (each for conditions in judged for each in conditions):
            edges |= restriction.edges()
        if not any(judged):
            continue
        most = MOST_QUESTIONS // len(elements)
        # One more than may be asked, which tells whether there are too many without making them all.
        asked = list(islice(moments(edges, usual), most + 1))
        here = {_pattern(judged, moment) for moment in asked[:most]}
        if len(asked) > most or len(found) * len(here) > MOST_PATTERNS:
            return None
        found = {one & other for one in found for other in here}
    return frozenset(found)


def _pattern(judged: Sequence[tuple[Restriction, ...]], moment: Moment) -> Pattern:
    return sum(
        1 << number
        for number, conditions in enumerate(judged)
        if all(restriction.holds(moment) for restriction in conditions)
    )


def _times_of_day(edges: Edges, _: bool) -> Iterator[Moment]:
    for minute in {0, *edges.clock_minutes}:
        yield _NOWHERE._replace(minute=minute)


def _days(edges: Edges, _: bool) -> Iterator[Moment]:
    """A week from each edge of the calendar on, and the week before the first: each weekday, where there is room."""
    ordinals = {day.toordinal() for day in edges.dates} or {_SOME_DAY.toordinal()}
    starts = {min(ordinals) - _DAYS_PER_WEEK, *ordinals}
    limits = sorted(ordinals)
    for start in starts:
        end = next((limit for limit in limits if limit > start), start + _DAYS_PER_WEEK)
        for ordinal in range(max(start, date.min.toordinal()), min(end, start + _DAYS_PER_WEEK)):
            if ordinal <= date.max.toordinal():
                yield _NOWHERE._replace(local=datetime.combine(date.fromordinal(ordinal), time()))


def _energies(edges: Edges, usual: bool) -> Iterator[Moment]:
    for energy_wh in _levels(edges.energy_wh, usual):
        yield _NOWHERE._replace(energy_wh=energy_wh)


def _durations(edges: Edges, _: bool) -> Iterator[Moment]:
    for elapsed_us in {0, *edges.elapsed_us}:
        yield _NOWHERE._replace(elapsed_us=elapsed_us)


def _powers(edges: Edges, usual: bool) -> Iterator[Moment]:
    for lowest, highest in _ranges(edges.min_power_w | edges.max_power_w, usual):
        yield _NOWHERE._replace(period=replace(_NOWHERE.period, min_power_w=lowest, max_power_w=highest))


def _currents(edges: Edges, usual: bool) -> Iterator[Moment]:
    for lowest, highest in _ranges(edges.min_current_a | edges.max_current_a, usual):
        yield _NOWHERE._replace(period=replace(_NOWHERE.period, min_current_a=lowest, max_current_a=highest))


def _levels(edges: Iterable[Fraction], usual: bool) -> set[Fraction]:
    """A value in each stretch between edges, of which each includes its lower end."""
    levels = {Fraction(0), *edges}
    return levels if usual else {min(levels) - 1, *levels}


def _ranges(edges: Iterable[Fraction], usual: bool) -> Iterator[tuple[Fraction | None, Fraction | None]]:
    """Lowest and highest value of a period; either may not have been measured."""
    levels: list[Fraction | None] = [None, *_levels(edges, usual)]
    for lowest in levels:
        for highest in levels:
            if not usual or lowest is None or highest is None or lowest <= highest:
                yield lowest, highest


_THINGS: Mapping[tuple[type[Restriction], ...], _Moments] = {
    (TimeWindow,): _times_of_day,
    (DateRange, Weekdays): _days,
    (EnergyBand,): _energies,
    (DurationBand,): _durations,
    (PowerBand,): _powers,
    (CurrentBand,): _currents,
}


@value
class Reach:
    """What the components of a list of elements can come to.

    `used` are the components that are the active one at some moment, and the fallback of each dimension, which is
    there to be on the safe side; None when that cannot be told. `open` are the dimensions that some element prices
    and that cost nothing at some usual moment.
    """

    used: frozenset[tuple[int, str]] | None
    open: frozenset[str]


def reach(elements: Sequence[Element], dimensions: Iterable[str]) -> Reach:
    """What can be active, searching per dimension as a Menu does (OCPI mod_tariffs, Tariff object)."""
    possible, usual = patterns(elements, usual=False), patterns(elements, usual=True)
    used: set[tuple[int, str]] = set()
    open_: set[str] = set()
    for dimension in dimensions:
        pricing = [number for number, each in enumerate(elements) if first_of_dimension(each, dimension)]
        # What comes behind one that always holds is no fallback.
        fallback = next((number for number in pricing if _always(elements[number])), None)
        active = _active(pricing, possible) | {fallback}
        used |= {(number, dimension) for number in active if number is not None}
        if pricing and fallback is None and None in _active(pricing, usual):
            open_.add(dimension)
    return Reach(None if possible is None else frozenset(used), frozenset(open_))


def _always(element: Element) -> bool:
    """Whether an element's restrictions leave nothing out: all weekdays, a whole day, any duration."""
    return all(_leaves_nothing_out(restriction) for restriction in element.restrictions)


def _leaves_nothing_out(restriction: Restriction) -> bool:
    if isinstance(restriction, Weekdays):
        return len(restriction.days) == _DAYS_PER_WEEK
    if isinstance(restriction, TimeWindow):
        return restriction.start_minute == restriction.end_minute
    return isinstance(restriction, DurationBand) and not restriction.min_us and restriction.max_us is None


def _active(pricing: Sequence[int], shown: Iterable[Pattern] | None) -> set[int | None]:
    """The first element that holds under each pattern; None where none does, and where the patterns are not known."""
    if shown is None:
        return {None}
    return {next((number for number in pricing if pattern >> number & 1), None) for pattern in shown}
