"""What the platform keeps of a session: one rate for all, or a schedule of rates by channel and place, with tiers."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator

from contracts.amounts import Percent, UnsignedText, check_decimals
from contracts.values import AtLeastOne, Identifier, Wire, bad_value, missing_field

Channel = Literal["CARD", "ROAMING", "WALLET"]
Measure = Literal["NET", "KWH", "SESSIONS"]
_RATES = ("percent", "per_kwh", "per_session")


def told_of(wire: Any, names: Sequence[str]) -> list[str]:
    """Which of these fields are told."""
    return [name for name in names if getattr(wire, name) is not None]


class RateStep(Wire):
    """A step of tiers: one rate `from` a measure on."""

    model_config = ConfigDict(serialize_by_alias=True)

    from_measure: Annotated[UnsignedText, Field(alias="from")]
    percent: Percent | None = None
    per_kwh: UnsignedText | None = None
    per_session: UnsignedText | None = None

    @model_validator(mode="after")
    def _has_one_rate(self) -> "RateStep":
        if len(told_of(self, _RATES)) != 1:
            raise bad_value("needs one of percent, per_kwh and per_session, and not more than one")
        return self


class RateTiers(Wire):
    """Steps over an operator's sessions in a month of its zone; by `mode` ALL, the one reached counts for all."""

    measure: Measure
    window: Literal["MONTH"]
    mode: Literal["MARGINAL", "ALL"]
    steps: AtLeastOne[RateStep]

    @model_validator(mode="after")
    def _steps_rise(self) -> "RateTiers":
        begins = [step.from_measure for step in self.steps]
        if begins[0] != 0:
            raise bad_value('must begin with a step from "0"; below it nothing would count', "steps[0].from")
        for number, (one, other) in enumerate(pairwise(begins), 1):
            if other <= one:
                says = "is told twice" if other == one else "is below the step before it"
                raise bad_value(f"{says}; send each step once, in rising order", f"steps[{number}].from")
            if self.measure == "SESSIONS" and other != other.to_integral_value():
                raise bad_value("must be a whole number of sessions", f"steps[{number}].from")
        return self


class CommissionOccasion(Wire):
    """Of which sessions a commission is: those that are paid so, those at these locations; left out: all."""

    channel: Channel | None = None
    locations: AtLeastOne[Identifier] | None = None


class ScheduledCommission(Wire):
    """A commission of some sessions: `percent`, `per_kwh` and `per_session` together, or `tiers` of the month."""

    when: CommissionOccasion | None = None
    percent: Percent | None = None
    per_kwh: UnsignedText | None = None
    per_session: UnsignedText | None = None
    tiers: RateTiers | None = None

    @model_validator(mode="after")
    def _is_one_way(self) -> "ScheduledCommission":
        rates = told_of(self, _RATES)
        if self.tiers is not None and rates:
            raise bad_value("stands beside tiers, whose steps have rates of their own; leave one out", rates[0])
        if self.tiers is None and not rates:
            raise bad_value("names no rate; send percent, per_kwh, per_session or tiers")
        return self


class Commission(Wire):
    """What the platform keeps of a session: percent of the net plus a sum per session, and the VAT on it.

    With `schedule`, the first of it that is of the session counts in place of both; where none is, nothing is kept.
    """

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["percent", "per_session"]}, {"required": ["schedule"]}]}
    )

    percent: Percent | None = None
    per_session: UnsignedText | None = None
    vat_percent: Percent
    schedule: AtLeastOne[ScheduledCommission] | None = None

    @model_validator(mode="after")
    def _says_how_much(self) -> "Commission":
        for name in ("percent", "per_session"):
            if self.schedule is None and getattr(self, name) is None:
                raise missing_field(name)
        return self

    def check_amounts(self, currency: str) -> None:
        """Refuse sums of money with more decimals than the operator's currency has; rates per kWh may have more."""
        for name, amount in self._sums():
            check_decimals(amount, currency, f"commission.{name}")

    def _sums(self) -> Iterator[tuple[str, Decimal]]:
        if self.per_session is not None:
            yield "per_session", self.per_session
        for number, each in enumerate(self.schedule or ()):
            within = f"schedule[{number}]"
            if each.per_session is not None:
                yield f"{within}.per_session", each.per_session
            for place, step in enumerate(each.tiers.steps if each.tiers else ()):
                if step.per_session is not None:
                    yield f"{within}.tiers.steps[{place}].per_session", step.per_session
                if each.tiers is not None and each.tiers.measure == "NET":
                    yield f"{within}.tiers.steps[{place}].from", step.from_measure
