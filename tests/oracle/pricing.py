"""Prices a session by an unrestricted OCPI 2.2.1 tariff, exactly."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from tests.oracle.exact import half_up, number

Component = Mapping[str, Any]


def price(tariff: Mapping[str, Any], energy_wh: Fraction, charging_s: int, idle_s: int) -> tuple[Fraction, Fraction]:
    """Exact total excluding and including VAT, in the currency's major unit (OCPI 2.2.1, mod_tariffs, mod_cdrs)."""
    active = _active(tariff)
    costs = []
    if flat := active.get("FLAT"):
        costs.append((Fraction(1), flat))
    if energy := active.get("ENERGY"):
        costs.append((_stepped(energy_wh, energy) / 1000, energy))
    parking, charging = active.get("PARKING_TIME"), active.get("TIME")
    parks = parking is not None and idle_s > 0
    if charging:
        seconds = Fraction(charging_s) if parks else _stepped(Fraction(charging_s), charging)
        costs.append((seconds / 3600, charging))
    if parking and parks:
        costs.append((_stepped(Fraction(idle_s), parking) / 3600, parking))
    excl = sum((volume * number(part["price"]) for volume, part in costs), Fraction(0))
    incl = sum((volume * number(part["price"]) * _with_vat(part) for volume, part in costs), Fraction(0))
    return _bounded(excl, tariff, "excl_vat"), _bounded(incl, tariff, "incl_vat")


def rounded(tariff: Mapping[str, Any], exact: tuple[Fraction, Fraction], places: int) -> tuple[int, int]:
    """Net and gross in minor units, each rounded once, half-up, from its own exact total."""
    return half_up(exact[0] * 10**places), half_up(exact[1] * 10**places)


def _active(tariff: Mapping[str, Any]) -> dict[str, Component]:
    """Per dimension the first component found, walking the elements in order."""
    found: dict[str, Component] = {}
    for element in tariff["elements"]:
        assert "restrictions" not in element, "the oracle prices unrestricted tariffs only"
        for component in element["price_components"]:
            found.setdefault(component["type"], component)
    return found


def _stepped(volume: Fraction, component: Component) -> Fraction:
    step = max(int(component["step_size"]), 1)
    return Fraction(-(-volume // step) * step)


def _with_vat(component: Component) -> Fraction:
    return 1 + number(component.get("vat") or 0) / 100


def _bounded(total: Fraction, tariff: Mapping[str, Any], side: str) -> Fraction:
    low, high = (tariff.get(name) or {} for name in ("min_price", "max_price"))
    if low.get(side) is not None:
        total = max(total, number(low[side]))
    if high.get(side) is not None:
        total = min(total, number(high[side]))
    return total
