"""When messages are produced: sessions begin by the hour of the day, and each lives through its messages."""

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from benchmarks.simulation.arithmetic import DAY_S, Rates
from benchmarks.simulation.inputs import HOURLY_STARTS, Inputs

HOUR_S = 3_600
# A driver pays soon after the end.
CAPTURE_S = 120.0
# Messages at the start (with the charger's state), and at the end (idle, end, the charger's state): each in one go.
AT_START, AT_END = 2, 3


class Produced(NamedTuple):
    """A message: when it was produced, which of the sessions it is about, and whether it ends that session.

    There are hundreds of thousands in a run, hence a tuple.
    """

    at_s: float
    session: int
    ends: bool = False


def day(inputs: Inputs, charge_points: int, random: Random) -> list[Produced]:
    """All messages of the sessions that begin on the busiest day, in order; they reach into the next day."""
    made: list[Produced] = []
    for session, start_s in enumerate(_starts(inputs, charge_points, random)):
        fast = random.random() < inputs.fast_share
        mean_s = 60 * (inputs.fast_minutes if fast else inputs.slow_minutes)
        # Durations scatter around their means; half to one and a half keeps both sorts apart.
        made += life(inputs, session, start_s, mean_s * random.uniform(0.5, 1.5))
    made.sort()
    return made


def life(inputs: Inputs, session: int, start_s: float, duration_s: float) -> Iterator[Produced]:
    """The messages of one session."""
    for _ in range(AT_START):
        yield Produced(start_s, session)
    step_s = 60 * inputs.reading_minutes
    for number in range(1, round(duration_s / step_s) + 1):
        yield Produced(min(start_s + number * step_s, start_s + duration_s), session)
    for number in range(AT_END):
        yield Produced(start_s + duration_s, session, ends=number == 1)
    for _ in range(inputs.other_messages - AT_START - AT_END):
        yield Produced(start_s + duration_s + CAPTURE_S, session)


def moment(inputs: Inputs, rates: Rates, seconds: float, random: Random) -> list[Produced]:
    """Messages of a stretch shorter than two readings are apart, at steady rates, in order.

    So short a stretch sees each session once at most: at its start, at its end, or with one message in between. Of
    many sessions these come as independent Poisson streams, so that no session has to be followed from its start.
    """
    if seconds > 60 * inputs.reading_minutes:
        raise ValueError(f"{seconds:.0f} s hold two readings of a session: simulate {60 * inputs.reading_minutes} s")
    single_s = rates.messages_s - rates.sessions_s * (AT_START + AT_END)
    made: list[Produced] = []
    for rate_s, together in ((rates.sessions_s, AT_START), (rates.sessions_s, AT_END), (single_s, 1)):
        for at_s in poisson(rate_s, seconds, random):
            session = random.getrandbits(48)
            made += [Produced(at_s, session, together == AT_END and number == 1) for number in range(together)]
    made.sort()
    return made


def poisson(rate_s: float, seconds: float, random: Random) -> Iterator[float]:
    """The times of a Poisson process in a stretch; none at a rate of zero."""
    at_s = random.expovariate(rate_s) if rate_s > 0 else seconds
    while at_s < seconds:
        yield at_s
        at_s += random.expovariate(rate_s)


def _starts(inputs: Inputs, charge_points: int, random: Random) -> Iterator[float]:
    """Starts over the busiest day: hour by hour a Poisson process of that hour's rate."""
    sessions_day = charge_points * inputs.sessions_per_charge_point_day * inputs.peak_day
    for hour, weight in enumerate(HOURLY_STARTS):
        rate_s = sessions_day * weight / sum(HOURLY_STARTS) / HOUR_S
        for at_s in poisson(rate_s, HOUR_S, random):
            yield hour * HOUR_S + at_s


def busiest_hour(produced: list[Produced]) -> int:
    """How many messages the hour with most of them has; hours are those of a day that repeats itself."""
    by_hour = [0] * (DAY_S // HOUR_S)
    for each in produced:
        by_hour[int(each.at_s % DAY_S) // HOUR_S] += 1
    return max(by_hour)
