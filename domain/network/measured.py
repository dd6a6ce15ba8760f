"""What the meter of a site says that it imported, by quarter hour: its register, spread evenly between readings."""

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from domain.exact import Exact, whole
from domain.network.moments import QUARTER_US, US_PER_SECOND
from domain.network.spread import Moment, by_quarter
from domain.rating.consumption import whole_numbers
from domain.session.registers import falls

# Between readings that are further apart nobody knows what was imported when.
GAP_MAX_US = 366 * 86_400 * US_PER_SECOND


def imported(registers: Sequence[tuple[Moment, Exact]]) -> list[tuple[int, Exact]]:
    """The Wh of each quarter hour that readings cover wholly, in order; registers are in order of time.

    Where a register falls, by 1 Wh or more, its meter was another one or began anew: what lies between is not known.
    """
    if len(registers) < 2:
        return []
    numbers, scale = whole_numbers([register_wh for _, register_wh in registers])
    sums: dict[int, list[Fraction | int]] = {}
    told = zip(registers, numbers, strict=True)
    for ((since, low_wh), low), ((at, high_wh), high) in pairwise(told):
        if falls(low_wh, high_wh) or at - since > GAP_MAX_US:
            continue
        energy, lasting = max(high - low, 0), at - since
        for quarter, length in by_quarter([(since, at)]):
            kept = sums.setdefault(quarter, [0, 0])
            kept[0] += energy if length == lasting else Fraction(energy * length, lasting)
            kept[1] += length
    return [
        (quarter, whole(Fraction(energy) / scale))
        for quarter, (energy, length) in sorted(sums.items())
        if length == QUARTER_US
    ]
