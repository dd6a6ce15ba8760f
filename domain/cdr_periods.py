"""The charging periods in a CDR: volumes of four decimals that add up to the CDR's totals."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from domain.cdr_text import datetime_text
from domain.exact import Exact
from domain.pricing import DECIMALS, ten_thousandths
from domain.rating import US_PER_HOUR, WH_PER_KWH, ChargingPeriod, Phase, Rating

_GRID: int = 10**DECIMALS
_TIME_DIMENSION = {Phase.CHARGING: "TIME", Phase.IDLE: "PARKING_TIME", Phase.RESERVED: "RESERVATION_TIME"}


def charging_periods(rating: Rating, tariff_id: str) -> list[dict[str, Any]]:
    """OCPI ChargingPeriods: ENERGY sums to total_energy, all times to total_time, parking to total_parking_time."""
    periods = rating.periods
    energy = ten_thousandths(rating.energy_wh, WH_PER_KWH)
    energies = _apportion([period.energy_wh for period in periods], WH_PER_KWH, energy)
    return [
        {
            "start_date_time": datetime_text(period.start),
            "dimensions": _dimensions(period, energy, hours),
            "tariff_id": tariff_id,
        }
        for period, energy, hours in zip(periods, energies, _hours(rating), strict=True)
    ]


def _hours(rating: Rating) -> list[int]:
    """Hours per period: parking adds up to the published parking time, the rest to what the whole leaves."""
    lengths_us = [(period.phase is Phase.IDLE, period.length_us) for period in rating.periods]
    whole = ten_thousandths(rating.time_us, US_PER_HOUR)
    parking = ten_thousandths(rating.parking_time_us, US_PER_HOUR)
    parked = iter(_apportion([us for is_idle, us in lengths_us if is_idle], US_PER_HOUR, parking))
    other = iter(_apportion([us for is_idle, us in lengths_us if not is_idle], US_PER_HOUR, whole - parking))
    return [next(parked) if is_idle else next(other) for is_idle, _ in lengths_us]


def _apportion(volumes: Sequence[Exact], per: int, total: int) -> list[int]:
    """Ten-thousandths of a unit of `per` volumes that add up to the total: the running sum is rounded, not the parts.

    The total may differ from the exact sum by a last digit; the last part takes that.
    """
    parts: list[int] = []
    so_far: Exact = 0
    published = 0
    for index, volume in enumerate(volumes):
        so_far += volume
        reached = total if index == len(volumes) - 1 else min(ten_thousandths(so_far, per), total)
        parts.append(reached - published)
        published = reached
    return parts


def _dimensions(period: ChargingPeriod, energy: int, hours: int) -> list[dict[str, Any]]:
    stated = [("ENERGY", energy)] if period.metered else []
    stated.append((_TIME_DIMENSION[period.phase], hours))
    levels = (
        ("MIN_POWER", period.min_power_w, WH_PER_KWH),
        ("MAX_POWER", period.max_power_w, WH_PER_KWH),
        ("MIN_CURRENT", period.min_current_a, 1),
        ("MAX_CURRENT", period.max_current_a, 1),
    )
    stated += [(kind, _cut(level, per)) for kind, level, per in levels if level is not None]
    return [{"type": kind, "volume": Decimal(volume).scaleb(-DECIMALS)} for kind, volume in stated]


def _cut(level: Exact, per: int) -> int:
    """A power or current cut to ten-thousandths: cutting keeps it on its side of every band's edge."""
    return level.numerator * _GRID // (level.denominator * per)
