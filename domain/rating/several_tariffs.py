"""The price of a session whose tariff changed while it went on, as with another charging preference."""

from collections.abc import Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from domain.charging import FLAT, ChargingPeriod
from domain.errors import DomainError
from domain.exact import Exact
from domain.rating.consumption import SoFar, duration_origins, reservation_expired
from domain.rating.pricing import price_part
from domain.rating.rating import Line, Price, Rating
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
    """The ratings of a session's parts as one, its lines numbered through."""
    if len(ratings) == 1:
        return ratings[0]
    lines: list[Line] = []
    first = 0
    for rating in ratings:
        lines += [
            line._replace(first_period=line.first_period + first, last_period=line.last_period + first)
            for line in rating.lines
        ]
        first += len(rating.periods)
    return Rating(
        periods=tuple(period for rating in ratings for period in rating.periods),
        lines=tuple(lines),
        total=_sum([rating.total for rating in ratings]) or ratings[0].total,
        fixed=_sum([rating.fixed for rating in ratings]),
        energy=_sum([rating.energy for rating in ratings]),
        time=_sum([rating.time for rating in ratings]),
        parking=_sum([rating.parking for rating in ratings]),
        reservation=_sum([rating.reservation for rating in ratings]),
        energy_wh=sum([rating.energy_wh for rating in ratings]),
        time_us=sum([rating.time_us for rating in ratings]),
        parking_time_us=sum([rating.parking_time_us for rating in ratings]),
        reservation_time_us=sum([rating.reservation_time_us for rating in ratings]),
        subtotal=_sum([rating.subtotal for rating in ratings]) or ratings[0].subtotal,
    )


def _sum(costs: Sequence[Price | None]) -> Price | None:
    found = [cost for cost in costs if cost is not None]
    total = found[0] if found else None
    for cost in found[1:]:
        total = cost if total is None else total + cost
    return total
