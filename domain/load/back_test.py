"""A limit tried on stays that were: what each way to share it would have delivered, and at which peak."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Final

from domain.exact import Exact
from domain.load.policies import Currents, Policy
from domain.load.stays import SECONDS_AN_HOUR, TENTHS_AN_AMPERE, Plugged, Stay, Trial
from domain.values import value

QUARTER_S: Final = 900
# Who has so much of what it needed is full: registers and readings are no finer.
FULL: Final = Fraction(99, 100)


@value
class Outcome:
    """What came of a trial by one policy.

    `delivered`, `full` and `worst_tenth` are shares of 1: of the energy that was needed, of the cars that had all of
    it, and the mean of what the tenth of the cars got that got the least. `peak_w` is the highest power at any
    moment, `quarters_wh` the energy by quarter hour, numbered from 1970-01-01T00:00Z.
    """

    delivered: Exact
    full: Exact
    worst_tenth: Exact
    peak_w: Exact
    quarters_wh: Mapping[int, Exact]


def back_test(stays: Collection[Stay], trial: Trial, policy: Policy) -> Outcome:
    """What a policy makes of the stays; at least one."""
    cars = [Plugged(stay, trial.voltage_v) for stay in stays]
    quarters: dict[int, int] = defaultdict(int)
    peak = 0
    for plugged, since, until in _spans(cars, trial.interval_s):
        currents = policy(plugged, trial, since)
        peak = max(peak, sum(_charge(car, currents, since, until, quarters) for car in plugged))
    shares = sorted(Fraction(car.got, car.needed) for car in cars)
    worst = shares[: -(-len(shares) // 10)]
    needed = sum(car.needed for car in cars)
    volts = Fraction(trial.voltage_v) / TENTHS_AN_AMPERE
    return Outcome(
        Fraction(sum(car.got for car in cars), needed),
        Fraction(sum(share >= FULL for share in shares), len(shares)),
        sum(worst, Fraction(0)) / len(worst),
        peak * volts,
        {quarter: charge * volts / SECONDS_AN_HOUR for quarter, charge in sorted(quarters.items())},
    )


def _spans(cars: Sequence[Plugged], interval_s: int) -> Iterator[tuple[list[Plugged], int, int]]:
    """Who is plugged in from one decision to the next: when a car comes or leaves, and at each interval."""
    coming = sorted(cars, key=lambda car: (car.stay.connected_at, car.stay.session_id), reverse=True)
    changes = sorted({each for car in cars for each in (car.stay.connected_at, car.stay.departs_at)}, reverse=True)
    plugged: list[Plugged] = []
    now = changes.pop()
    while changes:
        while coming and coming[-1].stay.connected_at <= now:
            plugged.append(coming.pop())
        plugged = [car for car in plugged if car.stay.departs_at > now]
        until = changes[-1]
        if plugged:
            until = min(until, (now // interval_s + 1) * interval_s)
            yield plugged, now, until
        if until == changes[-1]:
            changes.pop()
        now = until


def _charge(car: Plugged, currents: Currents, since: int, until: int, quarters: dict[int, int]) -> int:
    """Let a car charge; what it draws at first, over all of its phases. It stops when it has what it needs."""
    drawn = min(currents.get(car.stay.session_id, 0), car.stay.max_a) * len(car.stay.phases)
    if drawn == 0 or car.missing <= 0:
        return 0
    left = min(drawn * (until - since), car.missing)
    car.got += left
    while left:
        quarter = since // QUARTER_S
        part = min(left, drawn * ((quarter + 1) * QUARTER_S - since))
        quarters[quarter] += part
        left -= part
        since = (quarter + 1) * QUARTER_S
    return drawn
