"""Charging periods, as OCPI tells a session, and the dimensions and units that prices are for."""

from datetime import datetime, timedelta
from enum import Enum

from domain.errors import DomainError
from domain.exact import Exact
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
