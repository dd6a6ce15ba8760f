"""The demand charge of a site's month: what it comes to, and what each session bears of it by three methods.

All quarters are numbered: quarter q is the quarter hour from q x 900 seconds after 1970-01-01T00:00Z on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from fractions import Fraction
from math import lcm
from zoneinfo import ZoneInfo

from domain.calendar import opens_at
from domain.exact import Exact, half_up, sum_of
from domain.money import currency_exponent
from domain.network.costs import Price
from domain.network.ladder import Loads, Player, by_ladder, in_order, nearly_highest

# A month's shares are closed so long after its end.
CLOSES_AFTER = timedelta(days=5)


class Method(StrEnum):
    """How a demand charge is shared.

    COINCIDENT by energy in the quarter of the peak, ENERGY by energy of the month, LADDER by how high the load stood.
    """

    COINCIDENT = "coincident"
    ENERGY = "energy"
    LADDER = "ladder"


DEFAULT_METHOD = Method.LADDER


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A calendar month, read on the wall clock of a zone."""

    year: int
    number: int

    @classmethod
    def of(cls, moment: datetime, zone: ZoneInfo) -> "Month":
        """The month in which a moment lies."""
        local = moment.astimezone(zone)
        return cls(local.year, local.month)

    def __str__(self) -> str:
        """Such as `2026-03`."""
        return f"{self.year:04d}-{self.number:02d}"

    def later(self, count: int) -> "Month":
        """So many months later; earlier ones for a negative count."""
        years, months = divmod(self.number - 1 + count, 12)
        return Month(self.year + years, months + 1)

    def start(self, zone: ZoneInfo) -> datetime:
        """The UTC moment at which it begins."""
        return opens_at(date(self.year, self.number, 1), zone, time.min)

    def end(self, zone: ZoneInfo) -> datetime:
        """The UTC moment at which the next one begins."""
        return self.later(1).start(zone)

    def closes_at(self, zone: ZoneInfo) -> datetime:
        """The UTC moment after which what comes to be is shown as a difference."""
        return self.end(zone) + CLOSES_AFTER


def month_named(text: str) -> Month:
    """The month that a text such as `2026-03` names; raises ValueError for any other."""
    day = date.fromisoformat(f"{text}-01")
    return Month(day.year, day.month)


@dataclass(frozen=True, slots=True)
class Peak:
    """The quarter of the highest load, the first of equals, and its Wh."""

    quarter: int
    energy_wh: Exact

    @property
    def kw(self) -> Fraction:
        """Its mean power: four times its energy an hour."""
        return Fraction(self.energy_wh) * 4 / 1000


def peak_of(loads: Mapping[Player, Loads]) -> Peak | None:
    """The peak of a month; None where there was no load at all."""
    highest = nearly_highest(loads.values())
    if not highest:
        return None
    parts: dict[int, list[Exact]] = {quarter: [] for quarter in highest}
    for of_player in loads.values():
        for quarter, energy in of_player:
            if quarter in parts:
                parts[quarter].append(energy)
    sums = {quarter: sum_of(energies) for quarter, energies in parts.items()}
    quarter = max(highest, key=sums.__getitem__)
    return Peak(quarter, sums[quarter])


@dataclass(frozen=True, slots=True)
class DemandCharge:
    """What a month's demand costs: `amount` in minor units of `currency`.

    `billed_kw` is the mean that is charged, `months` how many of the `average_months` that the price asks for there
    are; of several prices those of the longest mean.
    """

    currency: str
    amount: int
    billed_kw: Fraction
    months: int
    average_months: int


def demand_charge(prices: Sequence[Price], peaks_kw: Sequence[Exact]) -> DemandCharge | None:
    """The charge of the month whose peak is the last of `peaks_kw`; None where no price is in effect.

    `peaks_kw` are the peaks of the months up to it, without a gap, from the first on in which the site had load. Each
    counts as the price's `minimum_kw` at least; the mean of the last `average_months`, or of those there are, is
    charged. Prices add up; the sum is rounded once, half up.
    """
    if not prices:
        return None
    total, told = Fraction(0), None
    for price in prices:
        counted = [max(Fraction(peak), Fraction(price.minimum_kw)) for peak in peaks_kw[-price.average_months :]]
        mean = sum(counted, Fraction(0)) / len(counted)
        total += mean * price.amount
        if told is None or price.average_months > told[2]:
            told = mean, len(counted), price.average_months
    assert told is not None
    scaled = total * 10 ** currency_exponent(prices[0].currency)
    return DemandCharge(prices[0].currency, half_up(scaled.numerator, scaled.denominator), *told)


def shares_of(total: int, loads: Mapping[Player, Loads], peak: Peak) -> dict[Method, dict[Player, int]]:
    """What each player bears of a month's charge, by each method, in minor units: they add up to it."""
    at_peak = {player: sum_of([wh for quarter, wh in of if quarter == peak.quarter]) for player, of in loads.items()}
    in_all = {player: sum_of([wh for _, wh in of]) for player, of in loads.items()}
    return {
        Method.COINCIDENT: _by_weight(total, at_peak),
        Method.ENERGY: _by_weight(total, in_all),
        Method.LADDER: by_ladder(total, loads),
    }


def _by_weight(total: int, weights: Mapping[Player, Exact]) -> dict[Player, int]:
    """A total split by weights, what is left over by largest remainder, ties by id."""
    denominator = lcm(*(weight.denominator for weight in weights.values()))
    whole = {player: weight.numerator * (denominator // weight.denominator) for player, weight in weights.items()}
    all_of_it = sum(whole.values())
    parts = {player: total * weight // all_of_it for player, weight in whole.items()}
    left = total - sum(parts.values())
    by_rest = sorted(sorted(whole, key=in_order), key=lambda player: total * whole[player] % all_of_it, reverse=True)
    for player in by_rest[:left]:
        parts[player] += 1
    return parts
