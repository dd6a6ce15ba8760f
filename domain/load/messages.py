"""What messages say of sites and cars, in the units of `domain.load`: microseconds, tenths of an ampere, mWh."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import ceil, floor
from typing import Any

from domain.calendar import instant
from domain.exact import exact, half_up
from domain.load.limits import VOLTAGE_V, LimitedCircuit, Place, Plan, Version
from domain.load.plugged import Plugged

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_HOUR_US = 3_600_000_000
# Below it a reading is too coarse to tell two phases from three.
_SAYS_PHASES_A = 3


def moment(text: str) -> int:
    """RFC 3339 text as microseconds since 1970."""
    return microseconds(instant(text))


def microseconds(at: datetime) -> int:
    """A moment as microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def time_of(at: int) -> datetime:
    """The moment of so many microseconds since 1970, in UTC."""
    return _EPOCH + timedelta(microseconds=at)


def milliwatthours(value: Any) -> int:
    """A register in whole thousandths of a Wh."""
    return floor(exact(value) * 1_000)


def version_of(data: Mapping[str, Any], time: datetime, source: str, id_: str) -> Version:
    """A limit as `site.limit_set` says it; what is finer than a tenth of an ampere is taken to the safe side."""
    until = data.get("effective_to")
    step = data.get("step_a")
    return Version(
        since=moment(data["effective_from"]),
        until=None if until is None else moment(until),
        reason=data["reason"],
        is_off=data["mode"] == "OFF",
        step_a=None if step is None else max(ceil(exact(step) * 10), 1),
        circuits=tuple(_circuit(each) for each in data["circuits"]),
        time=microseconds(time),
        source=source,
        id=id_,
    )


def _circuit(data: Mapping[str, Any]) -> LimitedCircuit:
    max_a, max_w = data.get("max_a"), data.get("max_w")
    return LimitedCircuit(
        circuit_id=data["circuit_id"],
        parent=data.get("parent"),
        max_a=None if max_a is None else floor(exact(max_a) * 10),
        max_w=None if max_w is None else floor(exact(max_w)),
        places=tuple(_place(each) for each in data.get("evse_uids") or ()),
    )


def _place(data: Mapping[str, Any]) -> Place:
    voltage = data.get("voltage_v")
    return Place(data["evse_uid"], data["phases"], None if voltage is None else ceil(exact(voltage)))


def phases_of(data: Mapping[str, Any]) -> tuple[int, int, int] | None:
    """The current of each phase as `site.load_measured` says it, taken up; what is given away is below 0."""
    told = data.get("phase_a")
    if told is None:
        return None
    first, second, third = (ceil(exact(each) * 10) for each in told)
    return first, second, third


def car_of(data: Mapping[str, Any]) -> Plugged:
    """A car as `charging.session.started` says it."""
    at = moment(data["started_at"])
    return Plugged(
        session_id=data["session_id"],
        evse_uid=data["evse_uid"],
        started_at=at,
        register_mwh=milliwatthours(data["meter_start_wh"]),
        register_at=at,
    )


def declare(car: Plugged, data: Mapping[str, Any]) -> None:
    """What a driver asks for, as `charging.session.intent_declared` says it; the latest counts, whole."""
    at = moment(data["at"])
    if at < car.declared_at:
        return
    needs, departs, most = (data.get(name) for name in ("need_wh", "departs_at", "max_a"))
    car.declared_at = at
    car.need_mwh = None if needs is None else milliwatthours(needs)
    car.departs_at = None if departs is None else moment(departs)
    car.max_a = None if most is None else floor(exact(most) * 10)
    car.phases, car.priority = data.get("phases"), data.get("priority") or 0


def uses_of(data: Mapping[str, Any], car: Plugged, plan: Plan | None) -> int | None:
    """On how many phases a car draws, by a reading of its power and of its current; None where that says little."""
    power, current = data.get("power_w"), data.get("current_a")
    if power is None or current is None or exact(current) < _SAYS_PHASES_A:
        return car.uses
    phases = half_up(*Fraction(Fraction(exact(power)) / (exact(current) * _voltage(car, plan))).as_integer_ratio())
    return min(max(phases, 1), 3)


def _voltage(car: Plugged, plan: Plan | None) -> int:
    place = plan.places.get(car.evse_uid) if plan is not None else None
    return place.voltage_v if place is not None and place.voltage_v is not None else VOLTAGE_V


def drawn_of(data: Mapping[str, Any], car: Plugged, plan: Plan | None) -> int | None:
    """What a car draws in each phase that it uses, by a reading: its current, its power, or its register."""
    place = plan.places.get(car.evse_uid) if plan is not None else None
    phases = min(each for each in (car.phases, place.phases if place is not None else None, 3) if each is not None)
    power, current = data.get("power_w"), data.get("current_a")
    if current is not None:
        return max(ceil(exact(current) * 10), 0)
    if power is None:
        elapsed = moment(data["read_at"]) - car.register_at
        if elapsed <= 0:
            return None
        more = max(milliwatthours(data["register_wh"]) - car.register_mwh, 0)
        power = Fraction(more * _HOUR_US, 1_000 * elapsed)
    else:
        power = exact(power)
    return max(ceil(Fraction(power) * 10 / (_voltage(car, plan) * phases)), 0)
