"""What a rating is made of: charging periods, priced lines and exact totals."""

from datetime import datetime, timedelta
from enum import Enum
from fractions import Fraction
from typing import NamedTuple

from domain.errors import DomainError
from domain.exact import Exact
from domain.tariff.taxes import Tax
from domain.values import value

ENERGY = "ENERGY"
FLAT = "FLAT"
PARKING_TIME = "PARKING_TIME"
TIME = "TIME"
DIMENSIONS = (ENERGY, FLAT, PARKING_TIME, TIME)

US_PER_HOUR = 3_600_000_000
WH_PER_KWH = 1000
VOLUME_PER_UNIT = {ENERGY: WH_PER_KWH, TIME: US_PER_HOUR, PARKING_TIME: US_PER_HOUR, FLAT: 1}
MICROSECOND = timedelta(microseconds=1)


def microseconds(span: timedelta) -> int:
    """A span of real time as whole microseconds."""
    return span // MICROSECOND


class Phase(Enum):
    """What the connector was doing in a period: charging, connected without asking for energy, or reserved."""

    CHARGING = "CHARGING"
    IDLE = "IDLE"
    RESERVED = "RESERVED"


@value
class ChargingPeriod:
    """A stretch of a session in which nothing that matters to the price changes (OCPI ChargingPeriod).

    Times are UTC. Power in W and current in A (summed over phases) are None where they were not measured.
    `metered` is False where an OCPI period carries no ENERGY dimension: no energy price applies to it then.
    Raises DomainError when it ends before it starts.
    """

    start: datetime
    end: datetime
    phase: Phase
    energy_wh: Exact
    min_power_w: Exact | None = None
    max_power_w: Exact | None = None
    min_current_a: Exact | None = None
    max_current_a: Exact | None = None
    metered: bool = True

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise DomainError(f"a charging period ends at {self.end}, before its start {self.start}")

    @property
    def length_us(self) -> int:
        """Real elapsed time in microseconds."""
        return microseconds(self.end - self.start)


@value
class Price:
    """An exact amount in major units of the tariff's currency, without and with VAT (OCPI Price)."""

    excl_vat: Fraction
    incl_vat: Fraction

    def __add__(self, other: "Price") -> "Price":
        return Price(self.excl_vat + other.excl_vat, self.incl_vat + other.incl_vat)


class Line(NamedTuple):
    """One component while it was active: volume in Wh, microseconds or 1 (FLAT), its price per kWh, hour or once.

    It runs from `first_period` to `last_period` of the rating, consecutive ones of one phase without a gap.
    `volume` includes `surplus`, which rounding up to a whole step added (OCPI mod_cdrs, step_size). The price is
    without taxes; `vat` is the percentage of all `taxes` together, None where none applies. `reservation` marks what
    a reservation cost.
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

    `subtotal` is the sum of the parts; `total` is the same after min_price and max_price. `time_us` is the whole
    time from the start of the first period, parking and reservation included.
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

    @property
    def charging_time_us(self) -> int:
        """Time in which the vehicle asked for energy."""
        return self.time_us - self.parking_time_us - self.reservation_time_us
