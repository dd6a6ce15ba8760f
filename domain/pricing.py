"""The price of a session under a tariff: OCPI 2.2.1 evaluation in exact arithmetic, rounded nowhere."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from math import lcm
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from domain.errors import DomainError
from domain.exact import Exact, half_even
from domain.rating import (
    ENERGY,
    FLAT,
    PARKING_TIME,
    TIME,
    US_PER_HOUR,
    WH_PER_KWH,
    ChargingPeriod,
    Line,
    Phase,
    Price,
    Rating,
    microseconds,
)
from domain.tariff import Component, Menu, PriceBound, Tariff
from domain.tariff_restrictions import Moment

_ZERO = Fraction(0)
_FREE = Price(_ZERO, _ZERO)
_US_PER_SECOND = 1_000_000
DECIMALS = 4


class _Use(NamedTuple):
    """What one period consumed of one component: Wh, microseconds or 1; `surplus` is what rounding up added."""

    period_index: int
    component: Component
    volume: Exact
    surplus: Exact = 0


class _Uses(NamedTuple):
    """Everything a session consumed, by what it was; a reservation's time and fee stand apart."""

    energy: list[_Use]
    time: list[_Use]
    parking: list[_Use]
    flat: list[_Use]
    reservation_time: list[_Use]
    reservation_flat: list[_Use]


def price(tariff: Tariff, periods: Sequence[ChargingPeriod], time_zone: ZoneInfo) -> Rating:
    """The exact price of charging periods in time order; each is judged as of its start, on the zone's wall clock.

    The caller has split the periods wherever a price can change (`domain.periods.split`). Raises DomainError when
    there are none.
    """
    if not periods:
        raise DomainError("a session has at least one charging period; there are none to price")
    uses, energy_wh = _collect(tariff, periods, time_zone)
    rounded = _round_up_steps(uses)
    parts = _Parts(rounded)
    lengths_us = [(period.phase, period.length_us) for period in periods]
    return Rating(
        periods=tuple(periods),
        lines=_lines(rounded),
        total=bounded(parts.subtotal, tariff.min_price, tariff.max_price),
        fixed=parts.fixed,
        energy=parts.energy,
        time=parts.time,
        parking=parts.parking,
        reservation=parts.reservation,
        energy_wh=energy_wh,
        time_us=sum([length_us for _, length_us in lengths_us]),
        parking_time_us=sum([length_us for phase, length_us in lengths_us if phase is Phase.IDLE]),
        reservation_time_us=sum([length_us for phase, length_us in lengths_us if phase is Phase.RESERVED]),
        subtotal=parts.subtotal,
    )


def _collect(tariff: Tariff, periods: Sequence[ChargingPeriod], time_zone: ZoneInfo) -> tuple[_Uses, Exact]:
    uses = _Uses([], [], [], [], [], [])
    reserved = tariff.expired if reservation_expired(periods) else tariff.reserved
    reserved_from, started_at = duration_origins(periods)
    energy_wh: Exact = 0  # Of the session so far, which is what tiers look at.
    for index, period in enumerate(periods):
        if period.phase is Phase.RESERVED:
            moment = _moment(reserved, period, energy_wh, reserved_from, time_zone)
            _use_reserved(uses, reserved, moment, index)
        else:
            moment = _moment(tariff.charging, period, energy_wh, started_at, time_zone)
            _use_connected(uses, tariff.charging, moment, index)
        energy_wh = energy_wh + period.energy_wh if index else period.energy_wh
    return uses, energy_wh


def _moment(menu: Menu, period: ChargingPeriod, energy_wh: Exact, since: datetime, time_zone: ZoneInfo) -> Moment:
    if not menu.restricted:
        return Moment(period.start, 0, energy_wh, 0, period)
    local = period.start.astimezone(time_zone) if menu.edges.clock_minutes else period.start
    return Moment(local, local.hour * 60 + local.minute, energy_wh, microseconds(period.start - since), period)


def _use_reserved(uses: _Uses, menu: Menu, moment: Moment, index: int) -> None:
    component = menu.select(TIME, moment)
    if component is not None:
        uses.reservation_time.append(_Use(index, component, moment.period.length_us))
    _use_flat_once(uses.reservation_flat, menu, moment, index)


def _use_connected(uses: _Uses, menu: Menu, moment: Moment, index: int) -> None:
    period = moment.period
    if period.metered:
        component = menu.select(ENERGY, moment)
        if component is not None:
            uses.energy.append(_Use(index, component, period.energy_wh))
    dimension, found = (TIME, uses.time) if period.phase is Phase.CHARGING else (PARKING_TIME, uses.parking)
    component = menu.select(dimension, moment)
    if component is not None:
        found.append(_Use(index, component, period.length_us))
    _use_flat_once(uses.flat, menu, moment, index)


def _use_flat_once(found: list[_Use], menu: Menu, moment: Moment, index: int) -> None:
    """How often FLAT is owed (OCPI mod_tariffs, TariffDimensionType).

    OCPI gives no count. Decided: once, the first FLAT that becomes active; a reservation's and the session's are
    separate, as in the specification's example of a reservation price and fee.
    """
    if found:
        return
    component = menu.select(FLAT, moment)
    if component is not None:
        found.append(_Use(index, component, 1))


def reservation_expired(periods: Sequence[ChargingPeriod]) -> bool:
    """Whether a reservation expired (OCPI mod_tariffs, ReservationRestrictionType).

    A CDR cannot say so. Decided: it expired when nothing but reservation follows it.
    """
    return all(period.phase is Phase.RESERVED for period in periods)


def duration_origins(periods: Sequence[ChargingPeriod]) -> tuple[datetime, datetime]:
    """Where min_duration and max_duration count from: reservation and session (OCPI TariffRestrictions).

    OCPI says the start of the session, charging or not, and leaves open whether a reservation before it counts.
    Decided: a reservation counts from its own start, the session from when the vehicle connected.
    """
    connected = next((period.start for period in periods if period.phase is not Phase.RESERVED), periods[0].start)
    return periods[0].start, connected


def _round_up_steps(uses: _Uses) -> _Uses:
    """Applies step_size once for energy, once for time and parking together, once for a reservation's time."""
    rounds_parking = parking_takes_the_step(uses.parking)
    return _Uses(
        energy=_rounded_up(uses.energy, 1),
        time=uses.time if rounds_parking else _rounded_up(uses.time, _US_PER_SECOND),
        parking=_rounded_up(uses.parking, _US_PER_SECOND) if rounds_parking else uses.parking,
        flat=uses.flat,
        reservation_time=_rounded_up(uses.reservation_time, _US_PER_SECOND),
        reservation_flat=uses.reservation_flat,
    )


def parking_takes_the_step(parking: Sequence[_Use]) -> bool:
    """Whether parking or charging time is rounded up (OCPI mod_cdrs, step_size).

    The text contradicts itself for charging after parking: the last time-based component's step, or that of parking
    once it was billed. Decided: billed parking takes the step wherever it stands, and charging time stays exact.
    """
    return any(use.volume for use in parking)


def _total(volumes: Sequence[Exact]) -> Exact:
    """The sum, over one common denominator instead of one addition of fractions after another."""
    if len(volumes) == 1:
        return volumes[0]
    common = lcm(*[volume.denominator for volume in volumes])
    if common == 1:
        return sum(volumes)
    return Fraction(sum([volume.numerator * (common // volume.denominator) for volume in volumes]), common)


def _rounded_up(uses: list[_Use], step_unit: int) -> list[_Use]:
    """The same uses, their sum raised to a whole number of the last relevant step (OCPI mod_cdrs, step_size).

    Only billable volume counts; the surplus is billed at the price of the last component that billed some. Energy
    fed back (a sum below zero) is left alone.
    """
    if not uses:
        return uses
    total = _total([use.volume for use in uses])
    position = next((i for i in range(len(uses) - 1, -1, -1) if uses[i].volume), len(uses) - 1)
    last = uses[position]
    step = last.component.step_size * step_unit
    missing = -total.numerator % (step * total.denominator)
    if not missing or total.numerator < 0:
        return uses
    surplus = missing if total.denominator == 1 else Fraction(missing, total.denominator)
    raised = _Use(last.period_index, last.component, last.volume + surplus, surplus)
    return [*uses[:position], raised, *uses[position + 1 :]]


class _Parts:
    """Exact cost by kind, None where no component of the kind was active, and their sum."""

    __slots__ = ("energy", "fixed", "parking", "reservation", "subtotal", "time")

    def __init__(self, uses: _Uses) -> None:
        self.energy = _cost(uses.energy)
        self.fixed = _cost(uses.flat)
        self.time = _cost(uses.time)
        self.parking = _cost(uses.parking)
        self.reservation = _cost(uses.reservation_time + uses.reservation_flat)
        costs = (self.energy, self.fixed, self.time, self.parking, self.reservation)
        self.subtotal = _sum([cost for cost in costs if cost is not None])


def _sum(costs: Sequence[Price]) -> Price:
    if not costs:
        return _FREE
    total = costs[0]
    for cost in costs[1:]:
        total = total + cost
    return total


def _cost(uses: list[_Use]) -> Price | None:
    """Volumes are summed per component before they are multiplied, which is the same sum with less arithmetic."""
    if not uses:
        return None
    by_component: dict[int, list[_Use]] = {}
    for use in uses:
        by_component.setdefault(id(use.component), []).append(use)
    return _sum([same[0].component.cost_of(_total([use.volume for use in same])) for same in by_component.values()])


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


def _lines(uses: _Uses) -> tuple[Line, ...]:
    connected = [_line(use, False) for use in (*uses.energy, *uses.time, *uses.parking, *uses.flat)]
    reserved = [_line(use, True) for use in (*uses.reservation_flat, *uses.reservation_time)]
    return tuple(sorted(reserved + connected, key=lambda line: line.period_index))


def _line(use: _Use, reservation: bool) -> Line:
    component = use.component
    return Line(
        use.period_index,
        component.dimension,
        reservation,
        use.volume,
        use.surplus,
        component.step_size,
        component.price,
        component.vat,
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
    total_cost alone (OCPI mod_cdrs, Credit CDRs). total_time includes the reservation, as start_date_time does.
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


def ocpi_volumes(rating: Rating) -> dict[str, Decimal]:
    """The kWh and hours among the totals of an OCPI 2.2.1 CDR."""
    return {
        "total_energy": four_decimals(rating.energy_wh, WH_PER_KWH),
        "total_time": four_decimals(rating.time_us, US_PER_HOUR),
        "total_parking_time": four_decimals(rating.parking_time_us, US_PER_HOUR),
    }


def _published(cost: Price | None) -> dict[str, Decimal] | None:
    if cost is None:
        return None
    return {"excl_vat": four_decimals(cost.excl_vat), "incl_vat": four_decimals(cost.incl_vat)}
