"""What the platform keeps of a session: rates, the schedule they stand in, tiers over a month (J02, J14, J02t)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Any

from domain.catalogue.run_terms import FundingSource
from domain.exact import Exact
from domain.money import currency_exponent, parse_minor, round_half_up

WH_PER_KWH = 1000


class Measure(StrEnum):
    """What the steps of tiers begin at: minor units of net, kWh, or sessions."""

    NET = "NET"
    KWH = "KWH"
    SESSIONS = "SESSIONS"


@dataclass(frozen=True, slots=True)
class Rate:
    """`percent` of net, `per_kwh` in minor units (exact), and `per_session` in minor units, together."""

    percent: Fraction = Fraction(0)
    per_kwh: Fraction = Fraction(0)
    per_session: int = 0

    @classmethod
    def from_data(cls, data: Mapping[str, Any], currency: str) -> "Rate":
        """A rate as it is told, without what is left out."""
        return cls(
            Fraction(str(data.get("percent") or 0)),
            Fraction(str(data.get("per_kwh") or 0)) * 10 ** currency_exponent(currency),
            parse_minor(str(data.get("per_session") or 0), currency),
        )

    def exactly(self, net: Exact, energy_wh: Exact, sessions: Exact) -> Fraction:
        """What it comes to, not rounded, in minor units."""
        return (
            self.percent / 100 * net + self.per_kwh * energy_wh / WH_PER_KWH + Fraction(self.per_session) * sessions
        )

    def commission(self, net: int, energy_wh: Exact) -> int:
        """The commission of one session: rounded half-up, and at most its net (accounting, J02)."""
        return min(net, round_half_up(self.exactly(net, energy_wh, 1)))


@dataclass(frozen=True, slots=True)
class Month:
    """What the sessions of a month come to, in minor units and Wh."""

    net: int = 0
    energy_wh: Exact = 0
    sessions: int = 0

    def measured(self, measure: Measure) -> Fraction:
        """How much that is by a measure."""
        if measure is Measure.NET:
            return Fraction(self.net)
        return Fraction(self.energy_wh) / WH_PER_KWH if measure is Measure.KWH else Fraction(self.sessions)


@dataclass(frozen=True, slots=True)
class MonthTiers:
    """Steps over a month, each from a measure on, rising from nothing; `for_all`: the one reached counts for all."""

    measure: Measure
    for_all: bool
    steps: tuple[tuple[Fraction, Rate], ...]

    @classmethod
    def from_data(cls, data: Mapping[str, Any], currency: str) -> "MonthTiers":
        """Tiers as they are told."""
        measure = Measure(data["measure"])
        unit = 10 ** currency_exponent(currency) if measure is Measure.NET else 1
        steps = tuple((Fraction(str(step["from"])) * unit, Rate.from_data(step, currency)) for step in data["steps"])
        return cls(measure, data["mode"] == "ALL", steps)

    @property
    def first(self) -> Rate:
        """What a session is charged until the month is over."""
        return self.steps[0][1]

    def commission(self, month: Month) -> int:
        """The commission of a month, rounded once half-up, and at most its net.

        MARGINAL: each step counts for that part of the month which lies between it and the next one, by the measure:
        of 3,000 kWh a step from 1,000 to 2,000 counts for a third of whatever its rate is of.
        """
        whole = month.measured(self.measure)
        found = Fraction(0)
        for number, (begins, rate) in enumerate(self.steps):
            ends = self.steps[number + 1][0] if number + 1 < len(self.steps) else None
            found += self._part(whole, begins, ends) * rate.exactly(month.net, month.energy_wh, month.sessions)
        return min(month.net, round_half_up(found))

    def _part(self, whole: Fraction, begins: Fraction, ends: Fraction | None) -> Fraction:
        is_last = ends is None or whole < ends
        if self.for_all:
            return Fraction(int(begins <= whole and is_last))
        if whole <= 0:
            return Fraction(int(begins == 0))
        within = min(whole, ends) if ends is not None else whole
        return max(Fraction(0), within - begins) / whole


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A commission of sessions that are paid by a channel and are at locations (lower case); None: of all."""

    channel: FundingSource | None
    locations: frozenset[str] | None
    rate: Rate
    tiers: MonthTiers | None = None

    @classmethod
    def from_data(cls, data: Mapping[str, Any], currency: str) -> "Scheduled":
        """A row of a schedule as it is told."""
        when = data.get("when") or {}
        tiers = MonthTiers.from_data(data["tiers"], currency) if data.get("tiers") else None
        return cls(
            FundingSource(when["channel"]) if when.get("channel") else None,
            lowered(when.get("locations")),
            tiers.first if tiers else Rate.from_data(data, currency),
            tiers,
        )

    @property
    def words(self) -> str:
        """What tells a row with tiers from another: its occasion and its steps, with exact numbers."""
        places = "*" if self.locations is None else ",".join(sorted(self.locations))
        steps = self.tiers.steps if self.tiers else ()
        how = f"{self.tiers.measure}:{'ALL' if self.tiers.for_all else 'MARGINAL'}" if self.tiers else ""
        told = [f"{begins}={rate.percent}/{rate.per_kwh}/{rate.per_session}" for begins, rate in steps]
        return "|".join([self.channel or "*", places, how, *told])

    def is_of(self, channel: FundingSource, location_id: str) -> bool:
        """Whether it counts for a session."""
        here = self.locations is None or location_id.casefold() in self.locations
        return here and self.channel in (None, channel)


def lowered(ids: Iterable[str] | None) -> frozenset[str] | None:
    """Ids of locations in lower case, as OCPI compares them; None where none are told."""
    return frozenset(each.casefold() for each in ids) if ids else None


@dataclass(frozen=True, slots=True)
class Schedule:
    """Commissions in the order in which they are looked through; a session that none is of is charged nothing."""

    rows: tuple[Scheduled, ...]

    @classmethod
    def from_data(cls, told: Iterable[Mapping[str, Any]] | None, currency: str) -> "Schedule | None":
        """The schedule as it is told; None where none is."""
        return cls(tuple(Scheduled.from_data(each, currency) for each in told)) if told else None

    @property
    def has_tiers(self) -> bool:
        """Whether what any session costs depends on its month."""
        return any(row.tiers is not None for row in self.rows)

    def row_for(self, channel: FundingSource, location_id: str) -> Scheduled | None:
        """The first row that is of a session."""
        return next((each for each in self.rows if each.is_of(channel, location_id)), None)

    def commission(self, net: int, energy_wh: Exact, channel: FundingSource, location_id: str) -> int:
        """The commission of one session, without VAT, in minor units."""
        row = self.row_for(channel, location_id)
        return row.rate.commission(net, energy_wh) if row else 0
