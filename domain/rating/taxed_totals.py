"""The totals of a rating in the form of OCPI 2.3.0: each price before taxes, with its taxes one by one."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

from domain.charging import ENERGY, FLAT, PARKING_TIME, TIME
from domain.rating.pricing import four_decimals, ocpi_totals
from domain.rating.rating import Line, Price, Rating
from domain.tariff.taxes import VAT, Tax

_TOTAL, _RESERVATION = "total_cost", "total_reservation_cost"
_KIND_OF = {
    FLAT: "total_fixed_cost",
    ENERGY: "total_energy_cost",
    TIME: "total_time_cost",
    PARKING_TIME: "total_parking_cost",
}


def ocpi_totals_2_3_0(rating: Rating, *, credit: bool = False) -> dict[str, Any]:
    """The totals of an OCPI 2.3.0 CDR: as `ocpi_totals`, prices as {before_taxes, taxes: [TaxAmount, ...]}.

    `credit` negates total_cost alone.
    """
    totals = ocpi_totals(rating)
    for name, cost in _costs(rating).items():
        if cost is not None:
            lines = [line for line in rating.lines if name in (_TOTAL, kind_of(line))]
            totals[name] = taxed_price(cost, lines)
    if credit:
        totals[_TOTAL] = negated(totals[_TOTAL])
    return totals


def negated(price: Mapping[str, Any]) -> dict[str, Any]:
    """The total of a credit CDR (OCPI 2.3.0 mod_cdrs, Credit CDRs).

    The specification has total_cost be negative and does not say what that means for its taxes. Decided: before_taxes
    and the amount of every tax are negated, so that they add up to what is given back.
    """
    taxes = [{**tax, "amount": -tax["amount"]} for tax in price["taxes"]]
    return {"before_taxes": -price["before_taxes"], "taxes": taxes}


def _costs(rating: Rating) -> dict[str, Price | None]:
    return {
        _TOTAL: rating.total,
        "total_fixed_cost": rating.fixed,
        "total_energy_cost": rating.energy,
        "total_time_cost": rating.time,
        "total_parking_cost": rating.parking,
        _RESERVATION: rating.reservation,
    }


def kind_of(line: Line) -> str:
    """The total of a CDR that a line belongs to; a reservation's fee and time are its own kind."""
    return _RESERVATION if line.reservation else _KIND_OF[line.dimension]


def taxed_price(cost: Price, lines: Iterable[Line]) -> dict[str, Any]:
    """An OCPI 2.3.0 Price with one TaxAmount per tax of the lines, 4 decimals each, that add up.

    The last tax that is not zero takes what rounding left. Where a bound moved the total its taxes are in the
    proportion of the lines, and state no percentage that they are not.
    """
    before, after = four_decimals(cost.excl_vat), four_decimals(cost.incl_vat)
    exact = _amounts(lines)
    owed = cost.incl_vat - cost.excl_vat
    listed = sum(exact.values(), Fraction(0))
    if listed != owed:
        exact = {tax: amount * owed / listed for tax, amount in exact.items()} if listed else {None: owed}
    taxes = [_tax_amount(tax, amount, cost.excl_vat if listed != owed else None) for tax, amount in exact.items()]
    rest = after - before - sum([tax["amount"] for tax in taxes], Decimal(0))
    if rest:
        last = max((i for i, amount in enumerate(exact.values()) if amount), default=len(taxes) - 1)
        taxes[last]["amount"] += rest
    return {"before_taxes": before, "taxes": taxes}


def _amounts(lines: Iterable[Line]) -> dict[Tax | None, Fraction]:
    """The exact amount of each tax, in the order in which they first appear."""
    found: dict[Tax | None, Fraction] = {}
    for line in lines:
        excl_vat = line.amount.excl_vat
        for tax in line.taxes:
            found[tax] = found.get(tax, Fraction(0)) + excl_vat * tax.percent / 100
    return found


def _tax_amount(tax: Tax | None, amount: Fraction, taxed: Fraction | None) -> dict[str, Any]:
    """A TaxAmount; without a percentage where it is not that of the amount `taxed`."""
    found: dict[str, Any] = {"name": VAT if tax is None else tax.name}
    if tax is not None:
        if tax.account_number is not None:
            found["account_number"] = tax.account_number
        if taxed is None or amount == taxed * tax.percent / 100:
            found["percentage"] = four_decimals(tax.percent)
    return found | {"amount": four_decimals(amount)}
