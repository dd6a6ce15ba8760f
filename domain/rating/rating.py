"""What a rating is made of: charging periods, priced lines and exact totals."""

from fractions import Fraction
from typing import NamedTuple

from domain.charging import VOLUME_PER_UNIT, ChargingPeriod
from domain.exact import Exact
from domain.tariff.taxes import Tax
from domain.values import value


@value
class Price:
    """An exact amount in major units of the tariff's currency, without and with VAT (OCPI Price)."""

    excl_vat: Fraction
    incl_vat: Fraction

    def __add__(self, other: "Price") -> "Price":
        return Price(self.excl_vat + other.excl_vat, self.incl_vat + other.incl_vat)

    @property
    def is_below_zero(self) -> bool:
        """Whether either side is."""
        return self.excl_vat.numerator < 0 or self.incl_vat.numerator < 0


class Line(NamedTuple):
    """A priced line: what one component, while it was active, priced, and at which price.

    The volume is in Wh, microseconds or 1 (FLAT), the price per kWh, hour or once. The line runs from `first_period`
    to `last_period` of the rating, consecutive ones of one phase without a gap. `volume` includes `surplus`, which
    rounding up to a whole step added (OCPI mod_cdrs, step_size). The price is without taxes; `vat` is the percentage
    of all `taxes` together, None where none applies. `reservation` marks what a reservation cost.
    """

    first_period: int
    last_period: int
    dimension: str
    reservation: bool
    volume: Exact
    surplus: Exact
    step_size: int
    price: Fraction
    vat: Fraction | None
    taxes: tuple[Tax, ...] = ()

    @property
    def quantity(self) -> Fraction:
        """The volume in the unit of the price: kWh, hours or 1."""
        return Fraction(self.volume, VOLUME_PER_UNIT[self.dimension])

    @property
    def amount(self) -> Price:
        """What the line costs, exactly; without taxes both sides are equal."""
        excl_vat = self.quantity * self.price
        return Price(excl_vat, excl_vat * (100 + self.vat) / 100 if self.vat else excl_vat)


@value
class Rating:
    """The exact price of a session and everything that explains it; None where no such component was active.

    `subtotal` is the sum of the parts; `total` is the same after min_price and max_price, and not below zero.
    Where a discount lowered the price, `before_discount` is what the total was.
    `time_us` is the whole time from the start of the first period, parking and reservation included.
    """

    periods: tuple[ChargingPeriod, ...]
    lines: tuple[Line, ...]
    total: Price
    fixed: Price | None
    energy: Price | None
    time: Price | None
    parking: Price | None
    reservation: Price | None
    energy_wh: Exact
    time_us: int
    parking_time_us: int
    reservation_time_us: int
    subtotal: Price
    before_discount: Price | None = None

    @property
    def charging_time_us(self) -> int:
        """Time in which the vehicle asked for energy."""
        return self.time_us - self.parking_time_us - self.reservation_time_us
