"""The tariff in a CDR: one of OCPI 2.3.0 as 2.2.1 can say it, and one of 2.2.1 in the form of 2.3.0."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_CEILING, Context, Decimal
from fractions import Fraction
from typing import Any

from domain.cdr.text import short_id
from domain.document import Part, as_part
from domain.exact import Exact, exact
from domain.tariff.taxes import NO, NOT_APPLICABLE, YES, Tax, component_taxes, price_before_taxes, tax_included_of

# What every JSON reader keeps of a number.
_DIGITS = 15
_ROUND_UP = Context(prec=_DIGITS, rounding=ROUND_CEILING)
_NEWER_FIELDS = ("tax_included", "preauthorize_amount")
_BOUNDS = ("min_price", "max_price")
_BEFORE, _AFTER = "before_taxes", "after_taxes"
_OLDER = {_BEFORE: "excl_vat", _AFTER: "incl_vat"}
_NEWER = {older: newer for newer, older in _OLDER.items()}


def tariff_2_2_1(tariff: Mapping[str, Any], taxes: Sequence[Tax] = ()) -> dict[str, Any]:
    """A tariff for a CDR of OCPI 2.2.1, whose prices are without VAT; one that is of 2.2.1 stays as it is.

    `taxes` are those configured for components that state none. The rates of several taxes add up to `vat`. A price
    that included its taxes and does not end without them is rounded up at 15 digits, which every JSON reader keeps:
    what it adds to a total is far below what could lift an amount over a minor unit, and an amount that is rounded
    half-up from exactly half of one still is. Where taxes are not applicable a bound is the same with and without.
    """
    part = as_part(tariff, "tariff")
    included = tax_included_of(part)
    found = {**tariff, "id": short_id("tariff", str(tariff["id"]))}
    for name in _NEWER_FIELDS:
        found.pop(name, None)
    if included is None:
        return found
    for name in _BOUNDS:
        if found.get(name) is not None:
            found[name] = _renamed(found[name], _OLDER)
            if included == NOT_APPLICABLE:
                found[name]["incl_vat"] = found[name]["excl_vat"]
    found["elements"] = [
        {
            **element.fields,
            "price_components": [_component(each, included, taxes) for each in element.parts("price_components")],
        }
        for element in part.parts("elements")
    ]
    return found


def _component(part: Part, included: str, configured: Sequence[Tax]) -> dict[str, Any]:
    taxes = component_taxes(included, part.optional_number("vat"), configured)
    found = {name: value for name, value in part.fields.items() if name != "vat"}
    if included == YES:
        found["price"] = _number(price_before_taxes(part, included, taxes))
    if taxes:
        found["vat"] = _number(sum([tax.percent for tax in taxes], Fraction(0)))
    return found


def _number(value: Fraction) -> Decimal:
    """The value itself where it ends within 15 digits, else the next number of 15 digits above it."""
    return _ROUND_UP.divide(Decimal(value.numerator), Decimal(value.denominator))


def tariff_2_3_0(tariff: Mapping[str, Any]) -> dict[str, Any]:
    """A tariff for a CDR of OCPI 2.3.0; one of 2.2.1 says that taxes are not included and has PriceLimits.

    The specification's own sample leaves out the required tax_included: NO is written, which is how it is read.
    """
    found = {**tariff, "id": short_id("tariff", str(tariff["id"]))}
    if found.get("tax_included") is None:
        found["tax_included"] = NO
    for name in _BOUNDS:
        if found.get(name) is not None:
            found[name] = _renamed(found[name], _NEWER)
    return found


def _renamed(bound: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """A bound with the names of another version; `taxes`, which neither has in a bound, is left out."""
    return {names.get(name, name): value for name, value in bound.items() if name != "taxes"}


def rates_of(tariff: Mapping[str, Any]) -> frozenset[Exact | None]:
    """The VAT rates in percent of a tariff of 2.2.1, None among them where a component has no VAT."""
    components = [component for element in tariff["elements"] for component in element["price_components"]]
    stated = [component.get("vat") for component in components]
    return frozenset([None if vat is None else exact(vat) for vat in stated])
