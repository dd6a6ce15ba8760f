"""OCPI tariffs of 2.2.1 and 2.3.0 as frozen values, read from their documents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from re import compile as pattern
from typing import Any

from domain.document import Part, as_part
from domain.errors import UnsupportedTariff
from domain.tariff.elements import (
    RESERVATION,
    RESERVATION_EXPIRES,
    Component,
    Element,
    PriceBound,
    expired_elements,
    first_of_dimension,
    reservation_only,
    usable_step,
)
from domain.tariff.keys import refuse_lookalikes
from domain.tariff.menu import Menu
from domain.tariff.reading import restrictions
from domain.tariff.taxes import NOT_APPLICABLE, Tax, component_taxes, price_before_taxes, tax_included_of

__all__ = [
    "RESERVATION",
    "RESERVATION_EXPIRES",
    "Component",
    "Element",
    "Menu",
    "PriceBound",
    "Tariff",
    "Tax",
    "first_of_dimension",
    "usable_step",
]

_CURRENCY = pattern(r"[A-Z]{3}")
_ROUNDING_FIELDS = frozenset({"price_round", "step_round"})
_OLDER_BOUND_FIELDS = frozenset({"excl_vat", "incl_vat"})
_TAX_AMOUNTS = frozenset({"taxes"})
_OWNER = frozenset({"country_code", "party_id"})


@dataclass(frozen=True, slots=True)
class Tariff:
    """One version of an OCPI tariff; `start_date_time` and `end_date_time` are UTC instants or None.

    `tax_included` is YES, NO or N/A in 2.3.0 and None in 2.2.1; the prices of components are without taxes in any
    case. `taxes` are those that were configured for components without a `vat` of their own (2.3.0 only).
    `elements` are those of the document; the menus leave out which can never apply. Raises UnsupportedTariff when it
    has none that can, a malformed currency or a min_price above its max_price.
    """

    country_code: str
    party_id: str
    id: str
    currency: str
    elements: tuple[Element, ...]
    min_price: PriceBound | None = None
    max_price: PriceBound | None = None
    start_date_time: datetime | None = None
    end_date_time: datetime | None = None
    tax_included: str | None = None
    taxes: tuple[Tax, ...] = ()
    charging: Menu = field(init=False, repr=False, compare=False)
    reserved: Menu = field(init=False, repr=False, compare=False)
    expired: Menu = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.elements:
            raise UnsupportedTariff(f"tariff {self.id} has no elements")
        if not _CURRENCY.fullmatch(self.currency):
            raise UnsupportedTariff(f"tariff {self.id} has currency {self.currency!r}, which is no ISO 4217 code")
        _check_bounds(self)
        living = [element for element in self.elements if not element.is_dead]
        if not living:
            raise UnsupportedTariff(f"tariff {self.id} has no element that can ever apply")
        reserving = reservation_only(living)
        object.__setattr__(self, "charging", Menu([e for e in living if e.reservation is None]))
        object.__setattr__(self, "reserved", Menu([e for e in reserving if e.reservation == RESERVATION]))
        object.__setattr__(self, "expired", Menu(expired_elements(reserving)))

    @classmethod
    def from_ocpi(cls, document: Mapping[str, Any], taxes: Sequence[Tax] = ()) -> "Tariff":
        """A tariff from a parsed OCPI Tariff object, of 2.3.0 when it says so by tax_included or a PriceLimit.

        Numbers may be int, Decimal, numeric strings or float; a float means its shortest decimal text. `taxes` are
        the configured ones (North American style), which apply to components of a 2.3.0 tariff that have no `vat`.
        Unknown restrictions and dimensions raise UnsupportedTariff, as bad values, bounds of the other version and
        unknown fields that resemble known ones do, naming the place; other unknown fields are ignored, and so is
        preauthorize_amount (2.3.0 payments).
        """
        read = as_part(document, "tariff")
        if not read.has_any(_OWNER):
            raise UnsupportedTariff(
                "tariff has neither country_code nor party_id, as in OCPI 2.1.1: send 2.2.1 or 2.3.0"
            )
        refuse_lookalikes(read)
        tax_included = tax_included_of(read)
        return cls(
            country_code=read.text("country_code"),
            party_id=read.text("party_id"),
            id=read.text("id"),
            currency=read.text("currency"),
            elements=tuple(_element(part, tax_included, taxes) for part in read.parts("elements")),
            min_price=_bound(read, "min_price", tax_included),
            max_price=_bound(read, "max_price", tax_included),
            start_date_time=read.instant("start_date_time"),
            end_date_time=read.instant("end_date_time"),
            tax_included=tax_included,
            taxes=() if tax_included in (None, NOT_APPLICABLE) else tuple(taxes),
        )


def _check_bounds(tariff: Tariff) -> None:
    low, high = tariff.min_price, tariff.max_price
    if low is None or high is None:
        return
    both_gross = low.incl_vat is not None and high.incl_vat is not None
    if low.excl_vat > high.excl_vat or (both_gross and low.incl_vat > high.incl_vat):  # type: ignore[operator]
        raise UnsupportedTariff(f"tariff {tariff.id} has a min_price above its max_price")


def _element(part: Part, tax_included: str | None, taxes: Sequence[Tax]) -> Element:
    condition = part.part("restrictions")
    return Element(
        components=tuple(_component(each, tax_included, taxes) for each in part.parts("price_components")),
        restrictions=restrictions(condition) if condition else (),
        reservation=condition.text("reservation") if condition and condition.has("reservation") else None,
    )


def _component(part: Part, tax_included: str | None, configured: Sequence[Tax]) -> Component:
    part.refuse_fields(_ROUNDING_FIELDS, "asks for a rounding that OCPI does not have")
    taxes = component_taxes(tax_included, part.optional_number("vat"), configured)
    return Component(
        dimension=part.text("type"),
        price=price_before_taxes(part, tax_included, taxes),
        vat=sum((tax.percent for tax in taxes), Fraction(0)) if taxes else None,
        step_size=usable_step(part.whole_number("step_size")) if part.has("step_size") else 1,
        taxes=taxes,
    )


def _bound(tariff: Part, name: str, tax_included: str | None) -> PriceBound | None:
    """A min_price or max_price: a Price in 2.2.1, a PriceLimit in 2.3.0 (OCPI mod_tariffs, Tariff object)."""
    bound = tariff.part(name)
    if bound is None:
        return None
    bound.refuse_fields(_TAX_AMOUNTS, "has no meaning in a bound: state the bound after taxes")
    if tax_included is None:
        return PriceBound(bound.number("excl_vat"), bound.optional_number("incl_vat"))
    bound.refuse_fields(
        _OLDER_BOUND_FIELDS, "belongs to OCPI 2.2.1 and the tariff to 2.3.0: give before_taxes and after_taxes"
    )
    before_taxes = bound.number("before_taxes")
    if tax_included == NOT_APPLICABLE:
        return bound_without_taxes(before_taxes)
    return PriceBound(before_taxes, bound.optional_number("after_taxes"))


def bound_without_taxes(before_taxes: Fraction) -> PriceBound:
    """A bound where taxes are not applicable (OCPI 2.3.0 mod_tariffs, TaxIncluded N/A and PriceLimit).

    The specification has both sides of a bound apply and does not say what after_taxes means without taxes. Decided:
    before_taxes bounds the whole price, so that no bound can bring in a tax.
    """
    return PriceBound(before_taxes, before_taxes)
