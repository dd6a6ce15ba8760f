"""What the limits of a site come to in W, all its circuits and phases together: at a moment, and over some time."""

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import pairwise

from domain.exact import Exact, whole
from domain.load.limits import VOLTAGE_V, LimitedCircuit, Version, latest

_PHASES, _TENTHS = 3, 10


def limit_w(version: Version) -> Exact | None:
    """The sum of its circuits that are part of no other; None where it is off.

    Each is the lower of its limits, in A by three phases of the lowest voltage that is told, else of 230 V.
    """
    if version.is_off:
        return None
    told = [place.voltage_v for each in version.circuits for place in each.places if place.voltage_v is not None]
    voltage_v = min(told, default=VOLTAGE_V)
    roots = [_limit_w(each, voltage_v) for each in version.circuits if each.parent is None]
    return whole(sum(roots, Fraction())) if roots else None


def lowest_w(versions: Iterable[Version], at: int) -> Exact | None:
    """The lowest of the limits that count at a moment, one of each reason; None where there is none."""
    limits = (limit_w(each) for each in latest(versions, at).values())
    return min((each for each in limits if each is not None), default=None)


def mean_limits_w(versions: Sequence[Version], spans: Iterable[tuple[int, int]]) -> Iterator[Exact | None]:
    """What the mean power of each span may be, in W; None where no limit was in force for some of it."""
    turns = sorted({at for each in versions for at in (each.since, each.until) if at is not None})
    known: dict[int | None, Exact | None] = {None: None}

    def lowest(at: int) -> Exact | None:
        """It turns at some moments alone, so that it is that of the last one of them."""
        turned = max((turn for turn in turns if turn <= at), default=None)
        if turned not in known:
            known[turned] = lowest_w(versions, at)
        return known[turned]

    for begin, end in spans:
        ends = [begin, *(turn for turn in turns if begin < turn < end), end]
        parts = [(lowest(since), until - since) for since, until in pairwise(ends)]
        told = [(limit, lasted) for limit, lasted in parts if limit is not None]
        energy = sum((Fraction(limit) * lasted for limit, lasted in told), Fraction())
        yield whole(energy / (end - begin)) if len(told) == len(parts) else None


def _limit_w(circuit: LimitedCircuit, voltage_v: int) -> Fraction:
    by_current = None if circuit.max_a is None else Fraction(circuit.max_a * voltage_v * _PHASES, _TENTHS)
    by_power = None if circuit.max_w is None else Fraction(circuit.max_w)
    return min(each for each in (by_current, by_power) if each is not None)
