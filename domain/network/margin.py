"""What a session costs in energy, and what is left of its price: its gross margin.

margin = net - commission - recharged provider fee - energy cost - demand share
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from domain.charging import WH_PER_KWH
from domain.exact import Exact, sum_of
from domain.network.costs import Price, Prices
from domain.network.ladder import Loads
from domain.network.moments import quarter_start


class Missing(StrEnum):
    """Why a session has no margin.

    ENERGY, DEMAND: no such cost is declared for one of its quarters, or months, in its currency. LOAD: when its
    energy flowed is not known, since it is left out of the load (a register that falls, for one).
    """

    ENERGY = "ENERGY"
    DEMAND = "DEMAND"
    LOAD = "LOAD"


def energy_cost(loads: Loads, prices: Prices, started_in: int) -> Fraction | None:
    """The cost of a session's energy in major units: each quarter's Wh at the prices in effect when it begins.

    None where a quarter has none; a session of no energy costs nothing where there is a price when it starts, in
    quarter `started_in`.
    """
    quarters = loads or ((started_in, 0),)
    throughout = prices.during(quarter_start(quarters[0][0]), quarter_start(quarters[-1][0]))
    if throughout is not None:
        return _cost(sum_of([energy for _, energy in loads]), throughout)
    total = Fraction(0)
    for quarter, energy in quarters:
        cost = _cost(energy, prices.at(quarter_start(quarter)))
        if cost is None:
            return None
        total += cost
    return total


def _cost(energy_wh: Exact, prices: Sequence[Price]) -> Fraction | None:
    if not prices:
        return None
    return Fraction(energy_wh) * sum(price.amount for price in prices) / WH_PER_KWH


@dataclass(frozen=True, slots=True)
class Margin:
    """A session's margin and its parts.

    `net`, `commission`, `provider_fee` and `demand_share` are minor units of `currency`; `energy_cost` is exact, in
    major units. What is not known is None and named in `missing`.
    """

    currency: str
    exponent: int
    net: int
    commission: int
    provider_fee: int
    energy_cost: Fraction | None
    demand_share: int | None
    missing: tuple[Missing, ...]

    @property
    def margin(self) -> Fraction | None:
        """What is left, exact, in major units; None where a cost is not known."""
        if self.missing or self.energy_cost is None or self.demand_share is None:
            return None
        minor = self.net - self.commission - self.provider_fee - self.demand_share
        return Fraction(minor, 10**self.exponent) - self.energy_cost
