"""The charging periods in a CDR: volumes of four decimals that add up to the CDR's totals."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Any, TypeAlias

from domain.cdr.text import datetime_text
from domain.charging import US_PER_HOUR, WH_PER_KWH, ChargingPeriod, Phase, microseconds
from domain.exact import Exact, half_even
from domain.rating.pricing import DECIMALS, ten_thousandths
from domain.rating.rating import Rating
from domain.rating.session_trace import Reading

# A part of a period: its start as text, the session's energy at its end in ten-thousandths of a kWh, its length in
# microseconds.
_Piece: TypeAlias = tuple[str, int, int]

_GRID: int = 10**DECIMALS
_US_PER_GRID: int = US_PER_HOUR // _GRID
_TIME_DIMENSION = {Phase.CHARGING: "TIME", Phase.IDLE: "PARKING_TIME", Phase.RESERVED: "RESERVATION_TIME"}


def charging_periods(rating: Rating, tariff_id: str, registers: Sequence[Reading] = ()) -> list[dict[str, Any]]:
    """OCPI ChargingPeriods: ENERGY sums to total_energy, all times to total_time, parking to total_parking_time.

    They start where the rating's periods do and at each reading of the cumulative register between the first, which
    is that of the session's start, and the last, that of its end (OCPI mod_cdrs, ChargingPeriod: there may be more
    than the price needs). Running sums are rounded, not the parts, so that no split changes the volumes beside it.
    """
    listed: list[dict[str, Any]] = []
    hours = _Hours(rating)
    metered = 0
    for period, pieces in _pieces(rating.periods, registers):
        kind, levels = _TIME_DIMENSION[period.phase], _levels(period)
        is_idle, has_energy = period.phase is Phase.IDLE, period.metered
        for start, energy, length_us in pieces:
            time = {"type": kind, "volume": volume(hours.spend(is_idle, length_us))}
            if has_energy:
                dimensions = [{"type": "ENERGY", "volume": volume(energy - metered)}, time, *levels]
                metered = energy
            else:
                dimensions = [time, *levels]
            listed.append({"start_date_time": start, "dimensions": dimensions, "tariff_id": tariff_id})
            if not is_idle:
                hours.last_other = time
    hours.give_the_rest()
    return listed


@lru_cache(maxsize=16_384)
def volume(published: int) -> Decimal:
    """An OCPI number of so many ten-thousandths."""
    return Decimal(published).scaleb(-DECIMALS)


def _published(energy_wh: Exact) -> int:
    """Energy in ten-thousandths of a kWh."""
    return energy_wh * (_GRID // WH_PER_KWH) if type(energy_wh) is int else ten_thousandths(energy_wh, WH_PER_KWH)


class _Hours:
    """Hours in ten-thousandths: parking adds up to the published parking time, the rest to what the whole leaves.

    The rest may differ from its own sum by the last digit; the last period that is not parking takes that.
    """

    __slots__ = ("last_other", "other", "other_most", "other_us", "parked", "parked_us")

    def __init__(self, rating: Rating) -> None:
        self.parked = self.parked_us = self.other = self.other_us = 0
        parking = ten_thousandths(rating.parking_time_us, US_PER_HOUR)
        self.other_most = ten_thousandths(rating.time_us, US_PER_HOUR) - parking
        self.last_other: dict[str, Any] = {}

    def spend(self, is_idle: bool, length_us: int) -> int:
        """The hours of the next stretch of time."""
        if is_idle:
            self.parked_us += length_us
            before, self.parked = self.parked, half_even(self.parked_us, _US_PER_GRID)
            return self.parked - before
        self.other_us += length_us
        before, self.other = self.other, min(half_even(self.other_us, _US_PER_GRID), self.other_most)
        return self.other - before

    def give_the_rest(self) -> None:
        rest = self.other_most - self.other
        if rest:
            self.last_other["volume"] += volume(rest)


def _pieces(
    periods: Sequence[ChargingPeriod], registers: Sequence[Reading]
) -> Iterator[tuple[ChargingPeriod, list[_Piece]]]:
    """Each period with its parts between readings, a single one where it has none inside."""
    energy_wh: Exact = 0
    energy = 0
    index, last = 1, len(registers) - 1
    first_wh = registers[0][1] if registers else 0
    for period in periods:
        since, start, end = period.start, datetime_text(period.start), period.end
        pieces: list[_Piece] = []
        low = energy
        if period.metered:
            energy_wh = energy_wh + period.energy_wh if energy_wh else period.energy_wh
            energy = _published(energy_wh)
        while index < last and registers[index][0] < end:
            at, register_wh = registers[index]
            index += 1
            # Of readings at one moment the last counts.
            if at <= since or registers[index][0] == at:
                continue
            so_far_wh, text = register_wh - first_wh, datetime_text(at)
            so_far = _published(so_far_wh)
            # A reading that rounds to the moment or the energy of the period's end would be judged by the terms of
            # the next period.
            is_before = so_far < energy or (so_far == energy and so_far_wh == energy_wh)
            if low <= so_far and is_before and start != text and (not end.microsecond or text != datetime_text(end)):
                pieces.append((start, so_far, microseconds(at - since)))
                low, since, start = so_far, at, text
        pieces.append((start, energy, microseconds(end - since)))
        yield period, pieces


def _levels(period: ChargingPeriod) -> list[dict[str, Any]]:
    levels = (
        ("MIN_POWER", period.min_power_w, WH_PER_KWH),
        ("MAX_POWER", period.max_power_w, WH_PER_KWH),
        ("MIN_CURRENT", period.min_current_a, 1),
        ("MAX_CURRENT", period.max_current_a, 1),
    )
    return [{"type": kind, "volume": volume(_cut(level, per))} for kind, level, per in levels if level is not None]


def _cut(level: Exact, per: int) -> int:
    """A power or current cut to ten-thousandths: cutting keeps it on its side of every band's edge."""
    return level.numerator * _GRID // (level.denominator * per)
