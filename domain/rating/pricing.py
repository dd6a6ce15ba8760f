"""The price of a session under a tariff: OCPI evaluation in exact arithmetic, rounded nowhere."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from math import lcm
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

from domain.charging import US_PER_HOUR, WH_PER_KWH, ChargingPeriod
from domain.errors import DomainError
from domain.exact import Exact, half_even
from domain.rating.consumption import Consumption, SoFar, Stretch, beginning, consume, round_up_steps
from domain.rating.rating import Line, Price, Rating
from domain.tariff.tariff import PriceBound, Tariff

_ZERO = Fraction(0)
_FREE = Price(_ZERO, _ZERO)
DECIMALS = 4

# Without and with taxes, over one denominator.
_Cost = tuple[int, int, int]


def price(tariff: Tariff, periods: Sequence[ChargingPeriod], time_zone: ZoneInfo) -> Rating:
    """The exact price of charging periods in time order; each is judged as of its start, on the zone's wall clock.

    The caller has split the periods wherever a price can change (`domain.rating.periods.split`). Raises DomainError
    when there are none.
    """
    if not periods:
        raise DomainError("a session has at least one charging period; there are none to price")
    return not_below_zero(price_part(tariff, periods, time_zone, beginning(periods), is_last=True))


def price_part(
    tariff: Tariff, periods: Sequence[ChargingPeriod], time_zone: ZoneInfo, before: SoFar, *, is_last: bool
) -> Rating:
    """The price of a session's periods under one tariff; only the last of its tariffs rounds up to steps.

    `before` tells what the periods need to know of the whole session.
    """
    used = consume(tariff, periods, time_zone, before)
    if is_last:
        round_up_steps(used)
    scale = used.scale
    energy = _cost(used.energy, scale * WH_PER_KWH)
    fixed = _cost(used.flat, 1)
    time = _cost(used.time, US_PER_HOUR)
    parking = _cost(used.parking, US_PER_HOUR)
    reservation = _sum([_cost(used.reservation_time, US_PER_HOUR), _cost(used.reservation_flat, 1)])
    parts = [energy, fixed, time, parking, reservation]
    prices = [None if part is None else _priced(part) for part in parts]
    subtotal = _subtotal(parts, prices)
    return Rating(
        periods=tuple(periods),
        lines=_lines(used),
        total=bounded(subtotal, tariff.min_price, tariff.max_price),
        fixed=prices[1],
        energy=prices[0],
        time=prices[2],
        parking=prices[3],
        reservation=prices[4],
        energy_wh=_exact(used.energy_total, scale),
        time_us=used.time_us,
        parking_time_us=used.parking_us,
        reservation_time_us=used.reserved_us,
        subtotal=subtotal,
    )


def _exact(volume: int, scale: int) -> Exact:
    return volume if scale == 1 else Fraction(volume, scale)


def _cost(stretches: Sequence[Stretch], per: int) -> _Cost | None:
    """What stretches cost whose volumes are in units of which `per` make a kWh, an hour or a fee."""
    if not stretches:
        return None
    if len(stretches) == 1:
        (stretch,) = stretches
        component, volume = stretch.component, stretch.volume
        return volume * component.net, volume * component.gross, component.denominator * per
    common = lcm(*{stretch.component.denominator for stretch in stretches})
    net = gross = 0
    for stretch in stretches:
        component = stretch.component
        volume = stretch.volume * (common // component.denominator)
        net += volume * component.net
        gross += volume * component.gross
    return net, gross, common * per


def _sum(costs: Sequence[_Cost | None]) -> _Cost | None:
    """The sum, over one common denominator instead of one addition of fractions after another."""
    found = [cost for cost in costs if cost is not None]
    if len(found) < 2:
        return found[0] if found else None
    common = lcm(*{denominator for _, _, denominator in found})
    net = gross = 0
    for each_net, each_gross, denominator in found:
        net += each_net * (common // denominator)
        gross += each_gross * (common // denominator)
    return net, gross, common


def _subtotal(parts: Sequence[_Cost | None], prices: Sequence[Price | None]) -> Price:
    """The sum of the parts; of a single one it is the part itself."""
    owed = [price for price in prices if price is not None]
    if len(owed) == 1:
        return owed[0]
    total = _sum(parts)
    return _FREE if total is None else _priced(total)


def _priced(cost: _Cost) -> Price:
    net, gross, denominator = cost
    excl_vat = Fraction(net, denominator)
    return Price(excl_vat, excl_vat if gross == net else Fraction(gross, denominator))


def bounded(subtotal: Price, min_price: PriceBound | None, max_price: PriceBound | None) -> Price:
    """The total within min_price and max_price (OCPI mod_tariffs, Tariff object).

    Both sides are bounded independently, and a bound without an amount incl. VAT leaves that side alone; the parts
    are never scaled, so they need not add up to the total.
    """
    if min_price is None and max_price is None:
        return subtotal
    excl_vat, incl_vat = subtotal.excl_vat, subtotal.incl_vat
    if min_price is not None:
        excl_vat = max(excl_vat, min_price.excl_vat)
        incl_vat = incl_vat if min_price.incl_vat is None else max(incl_vat, min_price.incl_vat)
    if max_price is not None:
        excl_vat = min(excl_vat, max_price.excl_vat)
        incl_vat = incl_vat if max_price.incl_vat is None else min(incl_vat, max_price.incl_vat)
    return Price(excl_vat, incl_vat)


def not_below_zero(rating: Rating) -> Rating:
    """The rating of a whole session, of which the total is at least 0.00 (OCPI mod_tariffs, PriceComponent price).

    OCPI sets no sign for a price and says nothing of a total below zero. Decided: nobody is paid for charging, so
    such a total is zero on both sides once what is to be paid is below zero, else on the side that is. The CDR of
    somebody who delivered more energy than was drawn is left as it is: its ENERGY is below zero, not its price.
    """
    total = rating.total
    if not total.is_below_zero or rating.energy_wh < 0:
        return rating
    return replace(rating, total=_FREE if total.incl_vat < 0 else Price(_ZERO, total.incl_vat))


def _lines(used: Consumption) -> tuple[Line, ...]:
    """The lines in the order in which they began, a reservation's fee before its time, energy before time."""
    found = [_line(stretch, used.scale, False) for stretch in used.energy]
    for stretches in (used.time, used.parking, used.flat):
        if stretches:
            found += [_line(stretch, 1, False) for stretch in stretches]
    reserved = (*used.reservation_flat, *used.reservation_time)
    if reserved:
        found = [*[_line(stretch, 1, True) for stretch in reserved], *found]
    if len(found) > 1:
        found.sort(key=_first_period)
    return tuple(found)


_first_period = itemgetter(0)


def _line(stretch: Stretch, scale: int, reservation: bool) -> Line:
    component = stretch.component
    return Line(
        stretch.first,
        stretch.last,
        component.dimension,
        reservation,
        stretch.volume if scale == 1 else Fraction(stretch.volume, scale),
        stretch.surplus and _exact(stretch.surplus, scale),
        component.step_size,
        component.price,
        component.vat,
        component.taxes,
    )


def ten_thousandths(value: Exact, per: int = 1) -> int:
    """`value / per` in units of the last decimal of an OCPI number, half-even (OCPI types, number)."""
    return half_even(value.numerator * 10**DECIMALS, value.denominator * per)


def four_decimals(value: Exact, per: int = 1) -> Decimal:
    """`value / per` as a published OCPI number, each from its own exact sum."""
    return Decimal(ten_thousandths(value, per)).scaleb(-DECIMALS)


def ocpi_totals(rating: Rating, *, credit: bool = False) -> dict[str, Any]:
    """The totals of an OCPI 2.2.1 CDR: prices as {excl_vat, incl_vat}, kWh and hours, as Decimals of 4 decimals.

    None where no component of the kind was active: the field is left out of a CDR then. `credit` negates
    total_cost alone (OCPI mod_cdrs, Credit CDRs).
    """
    total = _published(rating.total)
    if credit and total is not None:
        total = {side: -amount for side, amount in total.items()}
    volumes = ocpi_volumes(rating)
    return {
        "total_cost": total,
        "total_fixed_cost": _published(rating.fixed),
        "total_energy": volumes["total_energy"],
        "total_energy_cost": _published(rating.energy),
        "total_time": volumes["total_time"],
        "total_time_cost": _published(rating.time),
        "total_parking_time": volumes["total_parking_time"],
        "total_parking_cost": _published(rating.parking),
        "total_reservation_cost": _published(rating.reservation),
    }


def total_time_us(rating: Rating) -> int:
    """What total_time of a CDR covers (OCPI mod_cdrs, CDR total_time and start_date_time).

    OCPI has it be the session's duration, charging or not, and leaves open whether a reservation is part of it.
    Decided: it is, since start_date_time is when the reservation began.
    """
    return rating.time_us


def ocpi_volumes(rating: Rating) -> dict[str, Decimal]:
    """The kWh and hours among the totals of an OCPI 2.2.1 CDR."""
    return {
        "total_energy": four_decimals(rating.energy_wh, WH_PER_KWH),
        "total_time": four_decimals(total_time_us(rating), US_PER_HOUR),
        "total_parking_time": four_decimals(rating.parking_time_us, US_PER_HOUR),
    }


def _published(cost: Price | None) -> dict[str, Decimal] | None:
    if cost is None:
        return None
    return {"excl_vat": four_decimals(cost.excl_vat), "incl_vat": four_decimals(cost.incl_vat)}
