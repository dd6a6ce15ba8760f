"""Discounts as they were published, and what those that a session names take off its price."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from ledger.audit.amounts import exact, half_up, instant, minor_of, minor_units

OF_OPERATOR = "OPERATOR"


@dataclass(frozen=True, slots=True)
class DiscountTerms:
    """A version of a discount; `how` is percent, per_kwh or fixed, and `much` exact, of fixed in minor units."""

    funder: str
    how: str
    much: Fraction
    currency: str | None
    until: datetime | None
    places: frozenset[str]

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "DiscountTerms":
        """From its message."""
        how = next(name for name in ("percent", "per_kwh", "fixed") if data.get(name) is not None)
        is_fixed = how == "fixed"
        return cls(
            OF_OPERATOR if data["funder"] == data["operator_id"] else data["funder"],
            how,
            Fraction(minor_of(data["fixed"])) if is_fixed else exact(data[how]),
            data["fixed"]["currency"] if is_fixed else None,
            instant(data["effective_to"]) if data.get("effective_to") else None,
            frozenset(str(place).casefold() for place in data.get("locations") or ()),
        )

    def is_for(self, place: str, at: datetime, currency: str) -> bool:
        """Whether it is for a session at a place, that began at a moment and is in a currency."""
        is_over = self.until is not None and at >= self.until
        return (
            not is_over and (not self.places or place.casefold() in self.places) and self.currency in (None, currency)
        )

    def off(self, left: int, energy_wh: Fraction, currency: str) -> int:
        """What it takes off what is left of a price, at most that."""
        if self.how == "percent":
            amount = half_up(self.much * left / 100)
        elif self.how == "per_kwh":
            amount = half_up(self.much * energy_wh / 1000 * minor_units(currency))
        else:
            amount = int(self.much)
        return min(amount, left)


def off_in_all(found: Sequence[DiscountTerms], gross: int, energy_wh: Fraction, currency: str) -> int:
    """What discounts take off a price one after the other."""
    left = gross
    for each in found:
        left -= each.off(left, energy_wh, currency)
    return gross - left
