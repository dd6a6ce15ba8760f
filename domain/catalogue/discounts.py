"""Discounts as published: what a session that names one costs its driver less, and who bears that."""

from collections.abc import Mapping
from datetime import datetime
from fractions import Fraction
from typing import Any

from domain.calendar import instant
from domain.exact import Exact, exact
from domain.money import minor_of, percent_of, to_minor_half_up
from domain.values import value

# Who bears a discount, where that is no operator's id: the session's operator by a lower price, or the platform.
BY_OPERATOR, BY_PLATFORM = "OPERATOR", "PLATFORM"

_WH_PER_KWH = 1000


@value
class Discount:
    """One version of a discount: a percentage of gross, an amount per kWh or one amount, all with VAT.

    `fixed` is in minor units of `currency`, `per_kwh` in major units of the session's; `locations` are ids in lower
    case, none for all. `ends` is the first moment at which it is in effect no more.
    """

    discount_id: str
    operator_id: str
    funder: str
    percent: Exact | None
    per_kwh: Exact | None
    fixed: int | None
    currency: str | None
    ends: datetime | None
    locations: frozenset[str]

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Discount":
        """As `discount.published` states it; an operator that funds a discount of its own is its operator."""
        fixed, ends = data.get("fixed"), data.get("effective_to")
        funder = data["funder"]
        return cls(
            data["discount_id"],
            data["operator_id"],
            BY_OPERATOR if funder == data["operator_id"] else funder,
            _optional(data.get("percent")),
            _optional(data.get("per_kwh")),
            minor_of(fixed) if fixed else None,
            fixed["currency"] if fixed else None,
            instant(ends) if ends else None,
            frozenset(name.casefold() for name in data.get("locations") or ()),
        )

    def off(self, left: int, energy_wh: Exact, currency: str) -> int:
        """What it takes off, in minor units, before it is limited to what is left of the price: half-up."""
        if self.percent is not None:
            return percent_of(left, self.percent)
        if self.per_kwh is not None:
            return to_minor_half_up(self.per_kwh * Fraction(energy_wh, _WH_PER_KWH), currency)
        return self.fixed or 0


def _optional(text: Any) -> Exact | None:
    return None if text is None else exact(text)
