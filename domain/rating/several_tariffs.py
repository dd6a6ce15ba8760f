"""The price of a session whose tariff changed while it went on, as with another charging preference."""

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple
from zoneinfo import ZoneInfo

from domain.charging import FLAT, ChargingPeriod
from domain.errors import DomainError
from domain.exact import Exact
from domain.rating.consumption import SoFar, duration_origins, reservation_expired
from domain.rating.pricing import not_below_zero, price_part
from domain.rating.rating import Price, Rating
from domain.tariff.tariff import Tariff


class TariffPart(NamedTuple):
    """A part of a session under one tariff; `unpriced` are its periods, by index, that name no tariff."""

    tariff: Tariff
    periods: Sequence[ChargingPeriod]
    unpriced: frozenset[int] = frozenset()


def price_in_parts(parts: Sequence[TariffPart], time_zone: ZoneInfo) -> tuple[Rating, ...]:
    """The rating of each part by its own tariff (OCPI mod_cdrs, step_size: switching between two tariffs).

    The specification has step_size not taken into account at the switch, and says nothing more. Decided: every part
    but the last is exact, and the last rounds up what was used under its tariff. Tiers and durations count from the
    start of the session, a fee is owed once, by the first part that has one, and each tariff's min_price and
    max_price bound what was charged under it.

    Raises DomainError without a part or for tariffs in several currencies.
    """
    if not parts or len({part.tariff.currency for part in parts}) > 1:
        raise DomainError("a session is priced by one or more tariffs in one currency; state tariffs that are")
    periods = [period for part in parts for period in part.periods]
    reserved_from, connected_at = duration_origins(periods)
    is_expired = reservation_expired(periods)
    energy_wh: Exact = 0
    ratings: list[Rating] = []
    for number, part in enumerate(parts):
        before = SoFar(
            reserved_from,
            connected_at,
            is_expired,
            energy_wh,
            any(rating.fixed is not None for rating in ratings),
            any(line.reservation and line.dimension == FLAT for rating in ratings for line in rating.lines),
            part.unpriced,
        )
        ratings.append(price_part(part.tariff, part.periods, time_zone, before, is_last=number == len(parts) - 1))
        energy_wh += ratings[-1].energy_wh
    return tuple(ratings)


def joined(ratings: Sequence[Rating]) -> Rating:
    """The ratings of a session's parts as one, its lines numbered through; in all it costs at least nothing."""
    return not_below_zero(reduce(_continued, ratings))


def _continued(before: Rating, after: Rating) -> Rating:
    """The rating of a part and of the one that follows it."""
    first = len(before.periods)
    lines = [
        line._replace(first_period=line.first_period + first, last_period=line.last_period + first)
        for line in after.lines
    ]
    return Rating(
        periods=before.periods + after.periods,
        lines=(*before.lines, *lines),
        total=before.total + after.total,
        fixed=_sum(before.fixed, after.fixed),
        energy=_sum(before.energy, after.energy),
        time=_sum(before.time, after.time),
        parking=_sum(before.parking, after.parking),
        reservation=_sum(before.reservation, after.reservation),
        energy_wh=before.energy_wh + after.energy_wh,
        time_us=before.time_us + after.time_us,
        parking_time_us=before.parking_time_us + after.parking_time_us,
        reservation_time_us=before.reservation_time_us + after.reservation_time_us,
        subtotal=before.subtotal + after.subtotal,
    )


def _sum(one: Price | None, other: Price | None) -> Price | None:
    if one is None or other is None:
        return one or other
    return one + other
