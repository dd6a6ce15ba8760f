"""Tariffs whose price is the same whenever and however long one charges, priced by the audit itself."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from ledger.audit.amounts import exact, half_up, minor_units


@dataclass(frozen=True, slots=True)
class FlatPrices:
    """A tariff that prices energy and a fixed fee, whenever and however long: (price, VAT percent) of each.

    Prices are exact, per kWh and per session; a bound is (net, gross or None).
    """

    currency: str
    energy: tuple[Fraction, Fraction]
    step_wh: int
    fixed: tuple[Fraction, Fraction]
    at_least: tuple[Fraction, Fraction | None] | None
    at_most: tuple[Fraction, Fraction | None] | None

    def price(self, energy_wh: Fraction) -> tuple[int, int]:
        """Net and gross in minor units, each rounded once, half-up (OCPI mod_tariffs, Tariff object)."""
        steps = -(-energy_wh // self.step_wh)
        kwh = Fraction(steps * self.step_wh, 1000)
        parts = ((kwh * self.energy[0], self.energy[1]), self.fixed)
        net = sum((cost for cost, _ in parts), Fraction(0))
        gross = sum((cost * (100 + vat) / 100 for cost, vat in parts), Fraction(0))
        if self.at_least is not None:
            net = max(net, self.at_least[0])
            gross = gross if self.at_least[1] is None else max(gross, self.at_least[1])
        if self.at_most is not None:
            net = min(net, self.at_most[0])
            gross = gross if self.at_most[1] is None else min(gross, self.at_most[1])
        # Prices may be below zero, what a session costs may not.
        net, gross = (Fraction(0), Fraction(0)) if gross < 0 else (max(net, Fraction(0)), gross)
        unit = minor_units(self.currency)
        return half_up(net * unit), half_up(gross * unit)


def flat_prices(tariff: Mapping[str, Any]) -> FlatPrices | None:
    """The prices of a tariff whose every element always holds; None for any other, which needs charging periods.

    Elements that never hold count for nothing. None too for one of OCPI 2.3.0, whose prices may include taxes.
    """
    bounds = [tariff.get(name) or {} for name in ("min_price", "max_price")]
    if tariff.get("tax_included") is not None or any("before_taxes" in bound for bound in bounds):
        return None
    found: dict[str, Mapping[str, Any]] = {}
    for element in tariff["elements"]:
        conditions = element.get("restrictions") or {}
        if _never_hold(conditions):
            continue
        if conditions:
            return None
        for component in element["price_components"]:
            found.setdefault(component["type"], component)
    if not found.keys() <= {"ENERGY", "FLAT"}:
        return None
    return FlatPrices(
        currency=tariff["currency"],
        energy=_price(found.get("ENERGY")),
        step_wh=int(found["ENERGY"].get("step_size") or 1) if "ENERGY" in found else 1,
        fixed=_price(found.get("FLAT")),
        at_least=_bound(tariff.get("min_price")),
        at_most=_bound(tariff.get("max_price")),
    )


def _never_hold(conditions: Mapping[str, Any]) -> bool:
    """Whether nothing lies between the bounds of a band, or no day that is named between two dates."""
    for band in ("kwh", "duration", "power", "current"):
        least, most = conditions.get(f"min_{band}"), conditions.get(f"max_{band}")
        if most is not None and exact(most) <= exact(least or 0):
            return True
    first, end = conditions.get("start_date"), conditions.get("end_date")
    if first is None or end is None:
        return False
    span = (date.fromisoformat(end) - date.fromisoformat(first)).days
    days = {
        (date.fromisoformat(first) + timedelta(days=number)).strftime("%A").upper() for number in range(min(span, 7))
    }
    named = set(conditions.get("day_of_week") or days)
    return not named & days


def _price(component: Mapping[str, Any] | None) -> tuple[Fraction, Fraction]:
    if component is None:
        return Fraction(0), Fraction(0)
    return exact(component["price"]), exact(component.get("vat") or 0)


def _bound(price: Mapping[str, Any] | None) -> tuple[Fraction, Fraction | None] | None:
    if price is None:
        return None
    incl_vat = price.get("incl_vat")
    return exact(price["excl_vat"]), None if incl_vat is None else exact(incl_vat)
