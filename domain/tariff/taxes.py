"""Taxes on a tariff's prices: whether they are included, which apply to a component, and a price without them."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from domain.document import Part
from domain.errors import AmountError

YES, NO, NOT_APPLICABLE = "YES", "NO", "N/A"
TAX_INCLUDED = (YES, NO, NOT_APPLICABLE)
VAT = "VAT"
NEWER_BOUND_FIELDS = frozenset({"before_taxes", "after_taxes"})


@dataclass(frozen=True, slots=True)
class Tax:
    """A tax by its name, in percent of the price without taxes (OCPI 2.3.0 types, TaxAmount).

    `account_number` is that of whoever remits it. Raises AmountError without a name or below zero.
    """

    name: str
    percent: Fraction
    account_number: str | None = None

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise AmountError("a tax has no name; name it as it has to appear in CDRs")
        if self.percent < 0:
            raise AmountError(f"tax {self.name} is {self.percent} percent, below zero")


def tax_included_of(tariff: Part) -> str | None:
    """YES, NO or N/A of an OCPI 2.3.0 tariff, None for one of 2.2.1 (OCPI 2.3.0 mod_tariffs, Tariff tax_included).

    The field is required, yet the specification's own sample of a CDR leaves it out. Decided: a tariff without it
    is of 2.3.0 when its min_price or max_price is a PriceLimit; its prices are then without taxes, as in 2.2.1.
    """
    if tariff.has("tax_included"):
        stated = tariff.text("tax_included")
        if stated not in TAX_INCLUDED:
            raise tariff.refuse("tax_included", f"is {stated!r}, not one of {', '.join(TAX_INCLUDED)}")
        return stated
    limits = (tariff.part("min_price"), tariff.part("max_price"))
    return NO if any(limit is not None and limit.has_any(NEWER_BOUND_FIELDS) for limit in limits) else None


def component_taxes(tax_included: str | None, vat: Fraction | None, configured: Sequence[Tax]) -> tuple[Tax, ...]:
    """The taxes on a price component (OCPI 2.3.0 mod_tariffs, PriceComponent vat, and North American taxes).

    Its own `vat` counts alone. Where it has none, the taxes that were configured apply, of which rates add up; a
    tariff of 2.2.1 has none of those, and one where taxes are not applicable (N/A) none at all, whatever it states.
    """
    if tax_included == NOT_APPLICABLE:
        return ()
    if vat is not None:
        return (Tax(VAT, vat),)
    return () if tax_included is None else tuple(configured)


def price_before_taxes(component: Part, tax_included: str | None, taxes: Sequence[Tax]) -> Fraction:
    """The price of a component without taxes, exactly (OCPI 2.3.0 mod_tariffs, PriceComponent price).

    It may be below zero, as dynamic prices are: OCPI sets no sign. Raises UnsupportedTariff where taxes are included
    and nobody says which: only a price of zero is known then.
    """
    price = component.signed_number("price")
    if tax_included != YES or not price:
        return price
    if not taxes:
        raise component.refuse(
            "price", "includes taxes, and which is not known: state its vat, or configure the taxes of the tariff"
        )
    return price * 100 / (100 + sum(tax.percent for tax in taxes))
