"""One month of one site: its demand charge, who bears it, and what each step of height costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from domain.exact import Exact
from domain.money import currency_exponent
from domain.network.costs import Prices
from domain.network.demand import DemandCharge, Method, Peak, demand_charge, peak_of, shares_of
from domain.network.ladder import Loads, Player
from domain.network.moments import quarter_start


@dataclass(frozen=True, slots=True)
class SharedCharge:
    """The peak of a month, what it costs, and what each player bears of that by each method, in minor units."""

    peak: Peak
    charge: DemandCharge
    shares: Mapping[Method, Mapping[Player, int]]


def share_charge(
    loads: Mapping[Player, Loads], prices: Prices, earlier_peaks_kw: Sequence[Exact] = ()
) -> SharedCharge | None:
    """The charge of a month shared; None where it had no load, or no price is in effect when its peak begins.

    `loads` are the Wh of the month by player and quarter, each more than nothing; `earlier_peaks_kw` are the peaks of
    the months before, without a gap, from the first on in which the site had load.
    """
    peak = peak_of(loads)
    if peak is None:
        return None
    charge = demand_charge(prices.at(quarter_start(peak.quarter)), [*earlier_peaks_kw, peak.kw])
    return None if charge is None else SharedCharge(peak, charge, shares_of(charge.amount, loads, peak))


@dataclass(frozen=True, slots=True)
class Rung:
    """A step of the ladder between two heights: how many quarters reach above its lower end, and what it costs.

    `cost` is in major units, exact: the charge in the proportion of the step's height to that of the peak.
    """

    from_kw: Fraction
    to_kw: Fraction
    quarters: int
    cost: Fraction

    @property
    def cost_a_quarter(self) -> Fraction:
        """What each of them bears of it, on average."""
        return self.cost / self.quarters


def rungs(loads: Mapping[Player, Loads], shared: SharedCharge, count: int = 10) -> list[Rung]:
    """The ladder of a month in so many steps of equal height, the lowest first."""
    heights: dict[int, Exact] = {}
    for of_player in loads.values():
        for quarter, energy in of_player:
            heights[quarter] = heights.get(quarter, 0) + energy
    top, cost = shared.peak.kw, Fraction(shared.charge.amount, 10 ** currency_exponent(shared.charge.currency))
    # In steps of the ladder, from 0 to `count`: whole steps decide, and no exact number is compared `count` times.
    reached = [Fraction(energy) * 4 * count / 1000 / top for energy in heights.values()]
    return [
        Rung(top * step / count, top * (step + 1) / count, sum(height > step for height in reached), cost / count)
        for step in range(count)
    ]
