"""OCPI 2.2.1 tariffs as frozen values, and the choice of the component that is active at a moment."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from typing import Any

from domain.errors import UnsupportedTariff
from domain.exact import Exact
from domain.rating import DIMENSIONS, FLAT, TIME, VOLUME_PER_UNIT, Price
from domain.tariff_document import Part, as_part, restrictions
from domain.tariff_restrictions import Edges, Moment, Restriction

RESERVATION = "RESERVATION"
RESERVATION_EXPIRES = "RESERVATION_EXPIRES"

_NEWER_FIELDS = frozenset({"tax_included", "preauthorize_amount"})
_ROUNDING_FIELDS = frozenset({"price_round", "step_round"})
_NEWER_BOUND_FIELDS = frozenset({"before_taxes", "after_taxes", "taxes"})


@dataclass(frozen=True, slots=True)
class Component:
    """A price for one dimension: per kWh, per hour or once, without VAT; step in Wh or seconds; VAT in percent.

    `vat` None means that no VAT applies. Raises UnsupportedTariff for an unknown dimension or a negative number.
    """

    dimension: str
    price: Fraction
    vat: Fraction | None
    step_size: int
    gross_price: Fraction = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.dimension not in DIMENSIONS:
            raise UnsupportedTariff(f"price component type {self.dimension!r} is not one of {', '.join(DIMENSIONS)}")
        if self.price < 0 or (self.vat is not None and self.vat < 0):
            raise UnsupportedTariff(f"the {self.dimension} component has a negative price or vat")
        if self.step_size < 1:
            raise UnsupportedTariff(f"the {self.dimension} component has step_size {self.step_size}, below 1")
        gross = self.price * (100 + self.vat) / 100 if self.vat else self.price
        object.__setattr__(self, "gross_price", gross)

    def cost_of(self, volume: Exact) -> Price:
        """What a volume in Wh, microseconds or 1 costs, exactly; reduced to lowest terms only once, for speed."""
        numerator, denominator = volume.numerator, volume.denominator * VOLUME_PER_UNIT[self.dimension]
        price, gross = self.price, self.gross_price
        excl_vat = Fraction(numerator * price.numerator, denominator * price.denominator)
        if gross is price:
            return Price(excl_vat, excl_vat)
        return Price(excl_vat, Fraction(numerator * gross.numerator, denominator * gross.denominator))


@dataclass(frozen=True, slots=True)
class Element:
    """Components that share restrictions; `reservation` is None, RESERVATION or RESERVATION_EXPIRES."""

    components: tuple[Component, ...]
    restrictions: tuple[Restriction, ...] = ()
    reservation: str | None = None

    def __post_init__(self) -> None:
        if not self.components:
            raise UnsupportedTariff("a tariff element has no price_components")
        if self.reservation not in (None, RESERVATION, RESERVATION_EXPIRES):
            raise UnsupportedTariff(f"reservation restriction {self.reservation!r} is unknown")


@dataclass(frozen=True, slots=True)
class PriceBound:
    """A min_price or max_price; without an amount incl. VAT that side is not bounded."""

    excl_vat: Fraction
    incl_vat: Fraction | None


_Candidate = tuple[tuple[Restriction, ...], Component]


class Menu:
    """The elements that can price one kind of use, searched per dimension in their order."""

    __slots__ = ("_candidates", "edges", "restricted")

    def __init__(self, elements: Iterable[Element]) -> None:
        self._candidates: dict[str, tuple[_Candidate, ...]] = dict.fromkeys(DIMENSIONS, ())
        self.edges = Edges()
        for dimension in DIMENSIONS:
            self._candidates[dimension] = tuple(_candidates(elements, dimension))
        for candidates in self._candidates.values():
            for conditions, _ in candidates:
                for restriction in conditions:
                    self.edges |= restriction.edges()
        self.restricted = self.edges != Edges()

    def select(self, dimension: str, moment: Moment) -> Component | None:
        """The active component of a dimension: that of the first element that has one and whose restrictions hold.

        Source: OCPI mod_tariffs, Tariff object. None when nothing matches: the dimension costs nothing then.
        """
        for conditions, component in self._candidates[dimension]:
            for restriction in conditions:
                if not restriction.holds(moment):
                    break
            else:
                return component
        return None


def _candidates(elements: Iterable[Element], dimension: str) -> Iterable[_Candidate]:
    """The components of a dimension in order of preference; nothing after an unrestricted one can be reached."""
    for element in elements:
        component = first_of_dimension(element, dimension)
        if component is not None:
            yield element.restrictions, component
            if not element.restrictions:
                return


def first_of_dimension(element: Element, dimension: str) -> Component | None:
    """The component of a dimension in an element (OCPI mod_tariffs, TariffElement).

    OCPI does not say what two components of one type in an element mean. Decided: the first counts.
    """
    return next((component for component in element.components if component.dimension == dimension), None)


def expired_elements(elements: Iterable[Element]) -> tuple[Element, ...]:
    """The order in which elements price an expired reservation (OCPI mod_tariffs, ReservationRestrictionType).

    OCPI gives RESERVATION_EXPIRES precedence for the time-based cost and is silent on FLAT. Decided: precedence for
    both, with RESERVATION elements for what the former leave open.
    """
    reserving = [element for element in elements if element.reservation]
    return tuple(sorted(reserving, key=lambda element: element.reservation != RESERVATION_EXPIRES))


def _reservation_only(elements: Iterable[Element]) -> tuple[Element, ...]:
    """Elements cut down to FLAT and TIME, the only dimensions a reservation has (OCPI TariffRestrictions)."""
    cut = []
    for element in elements:
        components = tuple(c for c in element.components if c.dimension in (FLAT, TIME))
        if components:
            cut.append(Element(components, element.restrictions, element.reservation))
    return tuple(cut)


@dataclass(frozen=True, slots=True)
class Tariff:
    """One version of an OCPI 2.2.1 tariff; `start_date_time` and `end_date_time` are UTC instants or None.

    Raises UnsupportedTariff when it has no elements, a malformed currency or a min_price above its max_price.
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
    charging: Menu = field(init=False, repr=False, compare=False)
    reserved: Menu = field(init=False, repr=False, compare=False)
    expired: Menu = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not self.elements:
            raise UnsupportedTariff(f"tariff {self.id} has no elements")
        if len(self.currency) != 3 or not self.currency.isalpha() or not self.currency.isupper():
            raise UnsupportedTariff(f"tariff {self.id} has currency {self.currency!r}, which is no ISO 4217 code")
        _check_bounds(self)
        reserving = _reservation_only(self.elements)
        object.__setattr__(self, "charging", Menu([e for e in self.elements if e.reservation is None]))
        object.__setattr__(self, "reserved", Menu([e for e in reserving if e.reservation == RESERVATION]))
        object.__setattr__(self, "expired", Menu(expired_elements(reserving)))

    @classmethod
    def from_ocpi(cls, document: Mapping[str, Any]) -> "Tariff":
        """A tariff from a parsed OCPI 2.2.1 Tariff object.

        Numbers may be int, Decimal, numeric strings or float; a float means its shortest decimal text. Unknown
        restrictions, dimensions and fields of OCPI 2.3.0 that change a price raise UnsupportedTariff, as bad values
        do, naming the place; other unknown fields are ignored.
        """
        read = as_part(document, "tariff")
        read.refuse_fields(_NEWER_FIELDS, "belongs to OCPI 2.3.0, which this engine does not price")
        return cls(
            country_code=read.text("country_code"),
            party_id=read.text("party_id"),
            id=read.text("id"),
            currency=read.text("currency"),
            elements=tuple(_element(part) for part in read.parts("elements")),
            min_price=_bound(read, "min_price"),
            max_price=_bound(read, "max_price"),
            start_date_time=read.instant("start_date_time"),
            end_date_time=read.instant("end_date_time"),
        )


def _check_bounds(tariff: Tariff) -> None:
    low, high = tariff.min_price, tariff.max_price
    if low is None or high is None:
        return
    both_gross = low.incl_vat is not None and high.incl_vat is not None
    if low.excl_vat > high.excl_vat or (both_gross and low.incl_vat > high.incl_vat):  # type: ignore[operator]
        raise UnsupportedTariff(f"tariff {tariff.id} has a min_price above its max_price")


def _element(part: Part) -> Element:
    condition = part.part("restrictions")
    return Element(
        components=tuple(_component(component) for component in part.parts("price_components")),
        restrictions=restrictions(condition) if condition else (),
        reservation=condition.text("reservation") if condition and condition.has("reservation") else None,
    )


def _component(part: Part) -> Component:
    part.refuse_fields(_ROUNDING_FIELDS, "asks for a rounding that OCPI 2.2.1 does not have")
    return Component(
        dimension=part.text("type"),
        price=part.number("price"),
        vat=part.optional_number("vat"),
        step_size=usable_step(part.whole_number("step_size")) if part.has("step_size") else 1,
    )


def usable_step(step_size: int) -> int:
    """The step to round up to (OCPI mod_tariffs, PriceComponent step_size).

    OCPI wants 1 or more and some parties send 0. Decided: 0 is taken as 1.
    """
    return step_size or 1


def _bound(part: Part, name: str) -> PriceBound | None:
    bound = part.part(name)
    if bound is None:
        return None
    bound.refuse_fields(_NEWER_BOUND_FIELDS, "belongs to OCPI 2.3.0, which this engine does not price")
    return PriceBound(bound.number("excl_vat"), bound.optional_number("incl_vat"))
