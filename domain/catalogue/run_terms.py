"""What an operator's terms say of its runs beside minimum and reserve: what stays, is looked at, or is withheld.

All of it may be left out; amounts are in minor units of the operator's currency (rules P3, P5, P6, P22, P24).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import Any

from domain.money import parse_minor, percent_of, round_half_up

# The names of these terms in an operator's data.
RUN_TERMS = (
    "retain",
    "max_carry_days",
    "limits",
    "anomaly_factor",
    "funding_delays",
    "withholding",
    "instant_fee",
    "negative",
    "bank_profile",
    "convert_to",
    "fx_spread_percent",
)


class FundingSource(StrEnum):
    """What pays for a session: a driver's card, a roaming partner, or a driver's prepaid balance."""

    CARD = "CARD"
    ROAMING = "ROAMING"
    WALLET = "WALLET"


class TaxBase(StrEnum):
    """What a tax is withheld of: what drivers and partners were billed, or the operator's share of it."""

    GROSS = "GROSS"
    SHARE = "SHARE"


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that is paid without approval in a payout and a business date, and by instant payouts of one."""

    payout: int | None = None
    day: int | None = None
    instant: int | None = None


# What else stands among them is a field that nobody knows, as anywhere in a message.
_LIMITS = tuple(each.name for each in fields(Limits))


@dataclass(frozen=True, slots=True)
class TaxYear:
    """The base of a tax in a year so far, and that of which what was withheld is the tax; minor units."""

    base: int = 0
    taxed: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class WithholdingTerms:
    """A tax that is withheld at payout (J34): `percent` of a base, as far as it is above a yearly threshold.

    The tax year begins on `year_start`, a month and a day.
    """

    regime: str
    percent: Fraction
    base: TaxBase
    threshold: int = 0
    year_start: tuple[int, int] = (1, 1)

    def year_of(self, day: date) -> date:
        """The first day of the tax year of a business date."""
        begins = date(day.year, *self.year_start)
        return begins if begins <= day else date(day.year - 1, *self.year_start)

    def tax(self, year: TaxYear, base: int) -> int:
        """What is withheld of a base, after others of the same year: half-up, never less than nothing.

        What was taxed stays taxed where the base becomes less, and is not taxed again where it comes back.
        """
        return max(0, round_half_up((year.base + base - self.threshold - year.taxed) * self.percent / 100))


@dataclass(frozen=True, slots=True)
class InstantFee:
    """What an instant payout costs its operator (J41): percent of what it is paid and a sum, and VAT on both."""

    percent: Fraction
    fixed: int
    vat_percent: Fraction

    def of(self, amount: int) -> tuple[int, int]:
        """Fee and its VAT for what is paid at once."""
        fee = percent_of(amount, self.percent) + self.fixed
        return fee, percent_of(fee, self.vat_percent)

    def most(self, at_hand: int) -> int:
        """The most that can be paid of what is at hand, so that the fee and its VAT are paid of it too."""
        factor = 1 + self.percent / 100 * (1 + self.vat_percent / 100)
        guess = round_half_up((at_hand - self.fixed * (1 + self.vat_percent / 100)) / factor)
        amount = max(0, guess) + 2
        while amount > 0 and amount + sum(self.of(amount)) > at_hand:
            amount -= 1
        return amount


@dataclass(frozen=True, slots=True)
class NegativeTerms:
    """After how many days below zero people are warned, and told that it may be written off (rule P9)."""

    warn_days: int = 20
    write_off_days: int = 180


@dataclass(frozen=True, slots=True)
class RunTerms:
    """The optional terms of runs; without any of them a run pays all that is due.

    `retain` stays after each payout; less than the minimum is paid once the oldest line is older than
    `max_carry_days`; what is above `limits`, or `anomaly_factor` times the median of the last payouts, waits for
    approval; `funding_delays` are in place of `delay_days` for what was paid from a source. `negative` is when people
    are told of a balance that stays below zero; `bank_profile` is how the operator's bank is reached.
    What is due in another currency than `convert_to` is converted first, and `fx_spread_percent` of that kept (J51).
    """

    retain: int = 0
    max_carry_days: int | None = None
    limits: Limits = field(default_factory=Limits)
    anomaly_factor: Fraction | None = None
    funding_delays: Mapping[str, int] = field(default_factory=dict)
    withholding: tuple[WithholdingTerms, ...] = ()
    instant_fee: InstantFee | None = None
    negative: NegativeTerms = field(default_factory=NegativeTerms)
    bank_profile: str | None = None
    convert_to: str | None = None
    fx_spread_percent: Fraction = Fraction(0)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "RunTerms":
        """Of the data of an operator: what stands beside `payout`, and else what stands inside it."""
        currency, inside = data["currency"], data["payout"]
        told = {name: inside.get(name) if data.get(name) is None else data[name] for name in RUN_TERMS}
        fee, limits = told["instant_fee"], told["limits"] or {}
        return cls(
            retain=_minor(told["retain"], currency) or 0,
            max_carry_days=told["max_carry_days"],
            limits=Limits(**{name: _minor(limits.get(name), currency) for name in _LIMITS}),
            anomaly_factor=None if told["anomaly_factor"] is None else Fraction(str(told["anomaly_factor"])),
            funding_delays={name: days for name, days in (told["funding_delays"] or {}).items() if days is not None},
            withholding=tuple(_withholding(each, currency) for each in told["withholding"] or ()),
            instant_fee=_instant_fee(fee, currency) if fee else None,
            negative=NegativeTerms(
                **{name: days for name, days in (told["negative"] or {}).items() if days is not None}
            ),
            bank_profile=told["bank_profile"],
            convert_to=told["convert_to"],
            fx_spread_percent=Fraction(str(told["fx_spread_percent"] or 0)),
        )


def _minor(amount: str | None, currency: str) -> int | None:
    return None if amount is None else parse_minor(str(amount), currency)


def _withholding(told: Mapping[str, Any], currency: str) -> WithholdingTerms:
    month, day = (told.get("year_start") or "01-01").split("-")
    return WithholdingTerms(
        regime=told["regime"],
        percent=Fraction(str(told["percent"])),
        base=TaxBase(told["base"]),
        threshold=_minor(told.get("threshold_year"), currency) or 0,
        year_start=(int(month), int(day)),
    )


def _instant_fee(told: Mapping[str, Any], currency: str) -> InstantFee:
    return InstantFee(
        percent=Fraction(str(told["percent"])),
        fixed=parse_minor(str(told["fixed"]), currency),
        vat_percent=Fraction(str(told["vat_percent"])),
    )
