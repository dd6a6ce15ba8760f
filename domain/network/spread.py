"""Energy of a session in time: spread over the seconds in which its state was CHARGING, cut into quarter hours."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from math import gcd
from typing import TypeAlias

from domain.network.moments import QUARTER_US

# Moments are whole microseconds since 1970-01-01 00:00 UTC; a quarter hour is numbered from there, in UTC.
Moment: TypeAlias = int
Interval: TypeAlias = tuple[Moment, Moment]
# The number of a quarter hour with its Wh, as a quotient in lowest terms.
Part: TypeAlias = tuple[int, int, int]


def charging_intervals(
    states: Iterable[tuple[Moment, str]], started_at: Moment, until: Moment
) -> tuple[Interval, ...]:
    """When the state was CHARGING between two moments, in order and apart from each other.

    `states` are in order of time, of those at one moment the last rules. A session starts CHARGING; a state from
    before the start holds from there, one from `until` on changes nothing.
    """
    found: list[Interval] = []
    since: Moment | None = started_at
    for at, state in states:
        if at >= until and at > started_at:
            break
        moment = max(at, started_at)
        if state == "CHARGING":
            if since is None:
                since = moment
        elif since is not None:
            found.append((since, moment))
            since = None
    if since is not None:
        found.append((since, until))
    return tuple(_joined(found))


def _joined(intervals: Iterable[Interval]) -> Iterator[Interval]:
    """The same without those of no length, and with those joined that touch each other."""
    last: Interval | None = None
    for start, end in intervals:
        if start == end:
            continue
        if last is not None and start == last[1]:
            last = (last[0], end)
            continue
        if last is not None:
            yield last
        last = (start, end)
    if last is not None:
        yield last


def one_a_moment(registers: Sequence[tuple[Moment, int]]) -> Sequence[tuple[Moment, int]]:
    """Registers in order, of each moment one: the first at the first, else the highest, which was read last."""
    if all(earlier[0] < later[0] for earlier, later in pairwise(registers)):
        return registers
    first = registers[0]
    found = [first]
    for at, register in registers[1:]:
        if at > found[-1][0]:
            found.append((at, register))
        elif at > first[0]:
            found[-1] = (at, register)
    if len(found) == 1:
        # All of it in no time: it belongs to the quarter hour of that moment.
        found.append(registers[-1])
    elif found[1][0] == first[0]:
        del found[1]
    return found


def spread(registers: Sequence[tuple[Moment, int]], charging: Sequence[Interval], scale: int) -> tuple[Part, ...]:
    """The energy of each quarter hour that has some, in Wh and in order: exact, they add up to all of it.

    `registers` rise, in parts of a Wh of which `scale` make one. Between two of them energy is spread evenly over
    the time in `charging`, over all of it where there is none.
    """
    sums: dict[int, int] = {}
    parts: dict[int, tuple[int, int]] = {}
    place, until = 0, len(charging)
    since, low = registers[0]
    for at, high in one_a_moment(registers)[1:]:
        energy = high - low
        first, last = since // QUARTER_US, (at - 1) // QUARTER_US
        if energy and first >= last:
            sums[first] = sums.get(first, 0) + energy
        elif energy:
            while place < until and charging[place][1] <= since:
                place += 1
            if last == first + 1 and place < until and charging[place][0] <= since and at <= charging[place][1]:
                # Nearly always: a reading after some minutes, in which the car charged.
                cut = last * QUARTER_US
                _add(parts, first, energy * (cut - since), at - since)
                _add(parts, last, energy * (at - cut), at - since)
                since, low = at, high
                continue
            within = _within(charging, place, since, at) or [(since, at)]
            lasting = sum([end - start for start, end in within])
            for quarter, length in by_quarter(within):
                if length == lasting:
                    sums[quarter] = sums.get(quarter, 0) + energy
                else:
                    _add(parts, quarter, energy * length, lasting)
        since, low = at, high
    return _parts(sums, parts, scale)


def _add(parts: dict[int, tuple[int, int]], quarter: int, numerator: int, denominator: int) -> None:
    """Add to a quarter; a Fraction would take several times as long."""
    known = parts.get(quarter)
    if known is None:
        parts[quarter] = (numerator, denominator)
    elif known[1] == denominator:
        parts[quarter] = (known[0] + numerator, denominator)
    else:
        parts[quarter] = (known[0] * denominator + numerator * known[1], known[1] * denominator)


def _parts(sums: dict[int, int], parts: dict[int, tuple[int, int]], scale: int) -> tuple[Part, ...]:
    found = []
    for quarter in sorted(sums.keys() | parts.keys()) if parts else sorted(sums):
        numerator, denominator = parts.get(quarter, (0, 1))
        numerator += sums.get(quarter, 0) * denominator
        denominator *= scale
        common = gcd(numerator, denominator) if denominator != 1 else 1
        found.append((quarter, numerator // common, denominator // common))
    return tuple(found)


def _within(charging: Sequence[Interval], place: int, since: Moment, at: Moment) -> list[Interval]:
    """What lies between two moments of intervals in order, of which those before `place` end earlier."""
    found = []
    for number in range(place, len(charging)):
        start, end = charging[number]
        if start >= at:
            break
        found.append((start if start > since else since, end if end < at else at))
    return found


def by_quarter(intervals: Iterable[Interval]) -> Iterator[tuple[int, int]]:
    """How long intervals in order last in each quarter hour that they touch; a quarter may come more than once."""
    for start, end in intervals:
        quarter, last = start // QUARTER_US, (end - 1) // QUARTER_US
        if quarter == last:
            yield quarter, end - start
            continue
        yield quarter, (quarter + 1) * QUARTER_US - start
        for whole_one in range(quarter + 1, last):
            yield whole_one, QUARTER_US
        yield last, end - last * QUARTER_US
