"""What a rating is made of: charging periods, priced lines and exact totals."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from fractions import Fraction


class Phase(Enum):
    """What the connector was doing in a period: charging, connected without asking for energy, or reserved."""

    CHARGING = "CHARGING"
    IDLE = "IDLE"
    RESERVED = "RESERVED"


@dataclass(frozen=True, slots=True)
class ChargingPeriod:
    """A stretch of a session in which nothing that matters to the price changes (OCPI ChargingPeriod).

    Times are UTC. Power in W and current in A (summed over phases) are None where they were not measured.
    """

    start: datetime
    end: datetime
    phase: Phase
    energy_wh: Fraction
    min_power_w: Fraction | None = None
    max_power_w: Fraction | None = None
    min_current_a: Fraction | None = None
    max_current_a: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """An exact amount in major units of the tariff's currency, without and with VAT (OCPI Price)."""

    excl_vat: Fraction
    incl_vat: Fraction

    def __add__(self, other: "Price") -> "Price":
        return Price(self.excl_vat + other.excl_vat, self.incl_vat + other.incl_vat)


@dataclass(frozen=True, slots=True)
class Line:
    """One priced component: quantity in kWh, hours or 1 (FLAT); price per unit without VAT; vat percent or None."""

    period_index: int
    dimension: str
    reservation: bool
    quantity: Fraction
    step_size: int
    price: Fraction
    vat: Fraction | None
    amount: Price


@dataclass(frozen=True, slots=True)
class Rating:
    """The exact price of a session and everything that explains it; None where no such component was active."""

    periods: tuple[ChargingPeriod, ...]
    lines: tuple[Line, ...]
    total: Price
    fixed: Price | None
    energy: Price | None
    time: Price | None
    parking: Price | None
    reservation: Price | None
    energy_wh: Fraction
    time_us: int
    parking_time_us: int
