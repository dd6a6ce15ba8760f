"""Optional terms of an operator: what its payout runs keep back, carry, or have somebody look at."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, StringConstraints, model_validator

from contracts.amounts import Currency, Number, Percent, UnsignedText, check_decimals
from contracts.values import Days, Identifier, Many, Wire, bad_value

# A day of any year: the 29th of February is none.
YearStart = Annotated[
    str,
    StringConstraints(
        pattern=r"^((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))$"
    ),
]


def _above_zero(factor: Decimal) -> Decimal:
    if factor <= 0:
        raise bad_value("must be above 0; leave it out to compare with nothing")
    return factor


# How a bank takes orders: `domain/payout/bank_profiles.py`.
BankProfile = Literal[
    "PAIN_001_09",
    "PAIN_001_03",
    "SEPA",
    "SEPA_03",
    "SEPA_INST",
    "NACHA_CCD",
    "NACHA_PPD",
    "NACHA_CCD_BALANCED",
    "NACHA_PPD_BALANCED",
    "NEFT_CSV",
]
Factor = Annotated[Number, AfterValidator(_above_zero)]


class Limits(Wire):
    """The most that is paid without somebody's approval: in one payout, in all of a business date, and at once.

    Decimal strings in the operator's currency. `instant` is of all instant payouts of a business date.
    """

    payout: UnsignedText | None = None
    day: UnsignedText | None = None
    instant: UnsignedText | None = None


class FundingDelays(Wire):
    """`delay_days` by what pays for a session: a card, a roaming partner, a wallet."""

    CARD: Days | None = None
    ROAMING: Days | None = None
    WALLET: Days | None = None


class Withholding(Wire):
    """A tax that is withheld when an operator is paid, in percent.

    Of what drivers and partners were billed (GROSS) or of the operator's own share (SHARE), as far as it is above
    `threshold_year` (a decimal string in the operator's currency) in a year that begins at `year_start` (MM-DD).
    """

    regime: Identifier
    percent: Percent
    base: Literal["GROSS", "SHARE"]
    threshold_year: UnsignedText | None = None
    year_start: YearStart | None = None


class InstantFee(Wire):
    """What an instant payout costs its operator: percent of what it is paid and a sum, and the VAT on both."""

    percent: Percent
    fixed: UnsignedText
    vat_percent: Percent


class Negative(Wire):
    """After how many days below zero people are warned (20 where it is left out), and may write it off (180)."""

    warn_days: Days | None = None
    write_off_days: Days | None = None


class RunTerms(Wire):
    """Terms of runs that may be left out; of those beside `payout` and inside it, those beside it count."""

    retain: UnsignedText | None = None
    max_carry_days: Days | None = None
    limits: Limits | None = None
    anomaly_factor: Factor | None = None
    funding_delays: FundingDelays | None = None
    withholding: Many[Withholding] | None = None
    instant_fee: InstantFee | None = None
    negative: Negative | None = None
    bank_profile: BankProfile | None = None
    convert_to: Currency | None = None
    fx_spread_percent: Percent | None = None

    @model_validator(mode="after")
    def _regimes_are_named_once(self) -> "RunTerms":
        regimes = [each.regime for each in self.withholding or ()]
        if len(set(regimes)) < len(regimes):
            raise bad_value("names a regime twice; send each once", "withholding")
        return self

    def check_amounts(self, currency: str, within: str = "") -> None:
        """Refuse amounts with more decimals than the operator's currency has; `within` is where the terms stand."""
        limits = self.limits or Limits()
        amounts = {
            "retain": self.retain,
            "limits.payout": limits.payout,
            "limits.day": limits.day,
            "limits.instant": limits.instant,
            "instant_fee.fixed": self.instant_fee.fixed if self.instant_fee else None,
        }
        for number, each in enumerate(self.withholding or ()):
            amounts[f"withholding.{number}.threshold_year"] = each.threshold_year
        for name, amount in amounts.items():
            if amount is not None:
                check_decimals(amount, currency, within + name)
