"""The charging periods in a CDR: volumes of four decimals that add up to the CDR's totals."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Any

from domain.cdr_text import datetime_text
from domain.pricing import four_decimals
from domain.rating import US_PER_HOUR, WH_PER_KWH, ChargingPeriod, Phase, Rating

_TIME_DIMENSION = {Phase.CHARGING: "TIME", Phase.IDLE: "PARKING_TIME", Phase.RESERVED: "RESERVATION_TIME"}
_GRID = 10**4


def charging_periods(rating: Rating, tariff_id: str) -> list[dict[str, Any]]:
    """OCPI ChargingPeriods: ENERGY sums to total_energy, all times to total_time, parking to total_parking_time."""
    periods = rating.periods
    energies = _apportion([p.energy_wh / WH_PER_KWH for p in periods], four_decimals(rating.energy_wh / WH_PER_KWH))
    hours = _hours(rating)
    return [
        {
            "start_date_time": datetime_text(period.start),
            "dimensions": _dimensions(period, energy, hour),
            "tariff_id": tariff_id,
        }
        for period, energy, hour in zip(periods, energies, hours, strict=True)
    ]


def _hours(rating: Rating) -> list[Decimal]:
    """Hours per period: parking adds up to the published parking time, the rest to what the whole leaves."""
    exact = [Fraction(period.length_us, US_PER_HOUR) for period in rating.periods]
    idle = [period.phase is Phase.IDLE for period in rating.periods]
    whole = four_decimals(Fraction(rating.time_us, US_PER_HOUR))
    parking = four_decimals(Fraction(rating.parking_time_us, US_PER_HOUR))
    parked = iter(_apportion([hours for hours, is_idle in zip(exact, idle, strict=True) if is_idle], parking))
    other = iter(
        _apportion([hours for hours, is_idle in zip(exact, idle, strict=True) if not is_idle], whole - parking)
    )
    return [next(parked) if is_idle else next(other) for is_idle in idle]


def _apportion(exact: Sequence[Fraction], total: Decimal) -> list[Decimal]:
    """Volumes of four decimals that add up to the total: the running sum is rounded, never the parts.

    The total may differ from the exact sum by a last digit; the last part takes that.
    """
    volumes, so_far, published = [], Fraction(0), Decimal(0)
    for index, volume in enumerate(exact):
        so_far += volume
        reached = total if index == len(exact) - 1 else min(four_decimals(so_far), total)
        volumes.append(reached - published)
        published = reached
    return volumes


def _dimensions(period: ChargingPeriod, energy_kwh: Decimal, hours: Decimal) -> list[dict[str, Any]]:
    stated = [
        ("ENERGY", energy_kwh if period.metered else None),
        (_TIME_DIMENSION[period.phase], hours),
        ("MIN_POWER", _level(period.min_power_w, WH_PER_KWH)),
        ("MAX_POWER", _level(period.max_power_w, WH_PER_KWH)),
        ("MIN_CURRENT", _level(period.min_current_a, 1)),
        ("MAX_CURRENT", _level(period.max_current_a, 1)),
    ]
    return [{"type": kind, "volume": volume} for kind, volume in stated if volume is not None]


def _level(value: Fraction | None, divisor: int) -> Decimal | None:
    """A power or current cut to four decimals: cutting keeps it on its side of every band's edge."""
    return None if value is None else Decimal(floor(value * _GRID / divisor)).scaleb(-4)
