"""The parts of a tariff as frozen values: price components, the elements that hold them, and bounds of the total."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from math import lcm

from domain.charging import DIMENSIONS, FLAT, TIME
from domain.errors import UnsupportedTariff
from domain.tariff.restrictions import Restriction, contradict
from domain.tariff.taxes import VAT, Tax

RESERVATION = "RESERVATION"
RESERVATION_EXPIRES = "RESERVATION_EXPIRES"


@dataclass(frozen=True, slots=True)
class Component:
    """A price for one dimension: per kWh, per hour or once, without VAT; step in Wh or seconds; VAT in percent.

    `vat` None means that no VAT applies; otherwise it is the rate of all `taxes` together, which are the component's
    VAT unless others are given. A price may be below zero. Raises UnsupportedTariff for an unknown dimension or a
    negative vat.
    """

    dimension: str
    price: Fraction
    vat: Fraction | None
    step_size: int
    taxes: tuple[Tax, ...] = ()
    gross_price: Fraction = field(init=False, repr=False, compare=False)
    # Both prices as whole numbers over one denominator, which is what costs are calculated with.
    net: int = field(init=False, repr=False, compare=False)
    gross: int = field(init=False, repr=False, compare=False)
    denominator: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.dimension not in DIMENSIONS:
            raise UnsupportedTariff(f"price component type {self.dimension!r} is not one of {', '.join(DIMENSIONS)}")
        if self.vat is not None and self.vat < 0:
            raise UnsupportedTariff(f"the {self.dimension} component has a negative vat")
        if self.step_size < 1:
            raise UnsupportedTariff(f"the {self.dimension} component has step_size {self.step_size}, below 1")
        if self.vat is not None and not self.taxes:
            object.__setattr__(self, "taxes", (Tax(VAT, self.vat),))
        if self.taxes and self.vat != sum(tax.percent for tax in self.taxes):
            raise UnsupportedTariff(
                f"the taxes of the {self.dimension} component do not add up to {self.vat} percent"
            )
        gross_price = self.price * (100 + self.vat) / 100 if self.vat else self.price
        denominator = lcm(self.price.denominator, gross_price.denominator)
        for name, value in (
            ("gross_price", gross_price),
            ("net", self.price.numerator * (denominator // self.price.denominator)),
            ("gross", gross_price.numerator * (denominator // gross_price.denominator)),
            ("denominator", denominator),
        ):
            object.__setattr__(self, name, value)


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

    @property
    def is_dead(self) -> bool:
        """Whether its restrictions contradict each other, so that it can never apply."""
        return contradict(self.restrictions)


@dataclass(frozen=True, slots=True)
class PriceBound:
    """A min_price or max_price; without an amount incl. VAT that side is not bounded."""

    excl_vat: Fraction
    incl_vat: Fraction | None


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


def reservation_only(elements: Iterable[Element]) -> tuple[Element, ...]:
    """Elements cut down to FLAT and TIME, the only dimensions a reservation has (OCPI TariffRestrictions)."""
    cut = []
    for element in elements:
        components = tuple(c for c in element.components if c.dimension in (FLAT, TIME))
        if components:
            cut.append(Element(components, element.restrictions, element.reservation))
    return tuple(cut)


def usable_step(step_size: int) -> int:
    """The step to round up to (OCPI mod_tariffs, PriceComponent step_size).

    OCPI wants 1 or more and some parties send 0. Decided: 0 is taken as 1.
    """
    return step_size or 1
