"""What a session consumed of each price component, in stretches, and the rounding up of its totals to steps.

Volumes are whole numbers throughout, energy in a fraction of a Wh that holds all of them: fractions would cost more
than everything else here.
"""

from collections.abc import Sequence
from datetime import datetime
from math import lcm
from zoneinfo import ZoneInfo

from domain.charging import MICROSECOND, ChargingPeriod, Phase
from domain.exact import Exact
from domain.tariff.elements import Component
from domain.tariff.menu import NOTHING
from domain.tariff.tariff import Tariff
from domain.values import value

_US_PER_SECOND = 1_000_000


class Stretch:
    """A component while it was active without a break, from its first period to its last; its volume grows."""

    __slots__ = ("component", "first", "last", "surplus", "volume")

    def __init__(self, component: Component, index: int, volume: int) -> None:
        self.component = component
        self.first = self.last = index
        self.volume = volume
        self.surplus = 0


class Consumption:
    """Everything a session consumed, by what it was; a reservation's time and fee stand apart.

    Energy is in Wh divided by `scale`, times are in microseconds, a fee counts 1. Stretches are in time order.
    """

    __slots__ = (
        "energy",
        "energy_total",
        "flat",
        "parking",
        "parking_us",
        "reservation_flat",
        "reservation_time",
        "reserved_us",
        "scale",
        "time",
        "time_us",
    )

    def __init__(self, scale: int) -> None:
        self.scale = scale
        self.energy: list[Stretch] = []
        self.time: list[Stretch] = []
        self.parking: list[Stretch] = []
        self.flat: list[Stretch] = []
        self.reservation_time: list[Stretch] = []
        self.reservation_flat: list[Stretch] = []
        self.energy_total = self.time_us = self.parking_us = self.reserved_us = 0


@value
class SoFar:
    """What a session's periods under one tariff need to know of the session as a whole.

    `reserved_from` and `connected_at` are where durations count from; `energy_wh` is what was metered before, and
    `is_flat_owed` and `is_reservation_flat_owed` tell whether another tariff charged its fee already. `unpriced` are
    the periods, by their index, for which no tariff is relevant (OCPI mod_cdrs, ChargingPeriod tariff_id).
    """

    reserved_from: datetime
    connected_at: datetime
    is_expired: bool = False
    energy_wh: Exact = 0
    is_flat_owed: bool = False
    is_reservation_flat_owed: bool = False
    unpriced: frozenset[int] = frozenset()


def beginning(periods: Sequence[ChargingPeriod]) -> SoFar:
    """The session at its start, from all its periods."""
    first = periods[0]
    if first.phase is not Phase.RESERVED:
        return SoFar(first.start, first.start)
    return SoFar(*duration_origins(periods), reservation_expired(periods))


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


def consume(tariff: Tariff, periods: Sequence[ChargingPeriod], time_zone: ZoneInfo, before: SoFar) -> Consumption:
    """What the periods, in time order, use of the tariff's components; each is judged as of its start."""
    reserved, charging = tariff.expired if before.is_expired else tariff.reserved, tariff.charging
    (energy, *volumes), scale = whole_numbers([before.energy_wh, *[period.energy_wh for period in periods]])
    found = Consumption(scale)
    unpriced = before.unpriced
    last_end: datetime | None = None
    last_phase: Phase | None = None
    for index, period in enumerate(periods):
        start, end, phase = period.start, period.end, period.phase
        length_us = (end - start) // MICROSECOND
        follows = start == last_end and phase is last_phase
        found.time_us += length_us
        if index in unpriced:
            choice = NOTHING
        elif phase is Phase.RESERVED:
            choice = reserved.choice_at(period, before.reserved_from, time_zone, energy, scale)
        else:
            choice = charging.choice_at(period, before.connected_at, time_zone, energy, scale)
        if phase is Phase.RESERVED:
            found.reserved_us += length_us
            if choice.time is not None:
                _add(found.reservation_time, follows, index, choice.time, length_us)
            _add_flat_once(found.reservation_flat, before.is_reservation_flat_owed, index, choice.flat)
        else:
            if choice.energy is not None and period.metered:
                _add(found.energy, follows, index, choice.energy, volumes[index])
            if phase is Phase.IDLE:
                found.parking_us += length_us
                if choice.parking is not None:
                    _add(found.parking, follows, index, choice.parking, length_us)
            elif choice.time is not None:
                _add(found.time, follows, index, choice.time, length_us)
            _add_flat_once(found.flat, before.is_flat_owed, index, choice.flat)
        energy += volumes[index]
        last_end, last_phase = end, phase
        found.energy_total += volumes[index]
    return found


def whole_numbers(values: Sequence[Exact]) -> tuple[list[int], int]:
    """The same numbers as whole ones, and what each has to be divided by."""
    denominators = [number.denominator for number in values]
    scale = lcm(*denominators)
    if scale == 1:
        return [number.numerator for number in values], 1
    return [
        number.numerator * (scale // denominator) for number, denominator in zip(values, denominators, strict=True)
    ], scale


def _add(found: list[Stretch], follows: bool, index: int, component: Component, volume: int) -> None:
    if follows and found:
        stretch = found[-1]
        if stretch.component is component and stretch.last == index - 1:
            stretch.last = index
            stretch.volume += volume
            return
    found.append(Stretch(component, index, volume))


def _add_flat_once(found: list[Stretch], is_owed: bool, index: int, component: Component | None) -> None:
    """How often FLAT is owed (OCPI mod_tariffs, TariffDimensionType).

    OCPI gives no count. Decided: once, the first FLAT that becomes active; a reservation's and the session's are
    separate, as in the specification's example of a reservation price and fee.
    """
    if component is not None and not found and not is_owed:
        found.append(Stretch(component, index, 1))


def round_up_steps(found: Consumption) -> None:
    """Applies step_size once for energy, once for time and parking together, once for a reservation's time."""
    _raise_to_step(found.energy, found.scale)
    _raise_to_step(found.parking if parking_takes_the_step(found.parking) else found.time, _US_PER_SECOND)
    _raise_to_step(found.reservation_time, _US_PER_SECOND)


def parking_takes_the_step(parking: Sequence[Stretch]) -> bool:
    """Whether parking or charging time is rounded up (OCPI mod_cdrs, step_size).

    The text contradicts itself for charging after parking: the last time-based component's step, or that of parking
    once it was billed. Decided: billed parking takes the step wherever it stands, and charging time stays exact.
    """
    return any(stretch.volume for stretch in parking)


def takes_the_step(found: Sequence[Stretch]) -> Stretch:
    """Whose step rounds the sum, and at whose price the surplus is billed (OCPI mod_cdrs, step_size).

    OCPI says the last relevant component and not what makes one relevant. Decided: it billed something; the price of
    an idle end, where no energy flowed, does not count.
    """
    return next((stretch for stretch in reversed(found) if stretch.volume), found[-1])


def _raise_to_step(found: Sequence[Stretch], step_unit: int) -> None:
    """Raises the sum to a whole number of the last relevant step (OCPI mod_cdrs, step_size).

    Only billable volume counts. Energy fed back (a sum below zero) is left alone.
    """
    if not found:
        return
    total = sum([stretch.volume for stretch in found])
    last = takes_the_step(found)
    missing = -total % (last.component.step_size * step_unit)
    if missing and total >= 0:
        last.surplus = missing
        last.volume += missing
