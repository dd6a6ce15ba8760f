"""A site whose load is managed: its limits, its cars, its meter; each message that comes changes it, in any order.

What cars are told then is decided beside it (`domain.load.steering`). Moments are microseconds since 1970, currents
tenths of an ampere, energy thousandths of a Wh.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor

from domain.exact import Exact
from domain.load.limits import VOLTAGE_V, Plan, Version, in_force, next_change, still_needed
from domain.load.meter import STALE_AFTER, Meter, Miss, drawn_phases_of
from domain.load.plugged import ACCEPTED, ANSWER_WITHIN, MINUTE, NOT_SUPPORTED, REJECTED, Plugged, Told

# What an EVSE can give in each phase where nobody published it (IEC 61851-1, mode 3: most are of 32 A).
EVSE_MAX_A = 320
# What is told of a session again after its end comes within this, as a rule.
_REMEMBERED_FOR = 60 * MINUTE


@dataclass(slots=True)
class Fallback:
    """What a station keeps by itself: what it accepted, and what it was asked last."""

    asked: Told
    accepted_a: int | None = None
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """The session that an answer is about, None for a fallback, and whether cars may draw otherwise by it."""

    session_id: str | None
    matters: bool


@dataclass(slots=True)
class Site:
    """A site.

    `left` are cars that went after the meter was read last, `over` sessions that ended of late; `at` is how far it
    has come, `ticked` the moment of the grid at which it was last looked at.
    """

    operator_id: str
    location_id: str
    versions: list[Version] = field(default_factory=list)
    cars: dict[str, Plugged] = field(default_factory=dict)
    left: dict[str, Plugged] = field(default_factory=dict)
    meter: Meter = field(default_factory=Meter)
    fallbacks: dict[str, Fallback] = field(default_factory=dict)
    fallback_for: str = ""
    maxima: dict[str, int] = field(default_factory=dict)
    over: dict[str, int] = field(default_factory=dict)
    at: int = 0
    ticked: int = 0

    def plan(self, at: int) -> Plan | None:
        """What limits it at a moment; None where nothing does."""
        return in_force(self.versions, at)

    def maximum_a(self, evse_uid: str) -> int:
        """What an EVSE can give in each phase."""
        return self.maxima.get(evse_uid, EVSE_MAX_A)

    def publish(self, powers_w: Mapping[str, Exact], at: int) -> bool:
        """What EVSEs can give was published, by their uids in lower case; whether that changes anything."""
        plan = self.plan(at)
        known = {
            uid: max(
                floor(powers_w[uid.casefold()] * 10 / (Fraction(place.voltage_v or VOLTAGE_V) * place.phases)), 1
            )
            for uid, place in (plan.places if plan is not None else {}).items()
            if uid.casefold() in powers_w
        }
        changed = known != self.maxima
        self.maxima = known
        return changed

    def unheeded_a(self, car: Plugged) -> int:
        """What a car may draw of which no command holds: its station's fallback, or all that it can."""
        most = car.most(self.maximum_a(car.evse_uid))
        fallback = self.fallbacks.get(car.evse_uid)
        if fallback is None or fallback.accepted_a is None:
            return most
        asked = 0 if fallback.refused in (REJECTED, NOT_SUPPORTED) else fallback.asked.a
        return min(max(fallback.accepted_a, asked), most)

    def may_draw(self, car: Plugged, at: int) -> int:
        """The most that a car may draw at a moment."""
        return car.may_draw(at, self.unheeded_a(car), car.most(self.maximum_a(car.evse_uid)))

    def set_limit(self, version: Version, at: int) -> None:
        """A limit was set."""
        if version not in self.versions:
            self.versions = still_needed([*self.versions, version], at)

    def measure(self, at: int, import_mwh: int, phases_a: tuple[int, int, int] | None) -> list[Miss]:
        """The meter was read; what of its limits is known to be missed since, or to be kept again."""
        plan = self.plan(at)
        if not self.meter.read(at, import_mwh, phases_a, plan.voltage_v if plan is not None else VOLTAGE_V):
            return []
        self.left = {name: car for name, car in self.left.items() if car.state_at >= at}
        return self.meter.compare(plan, self._loads(plan)) if plan is not None else []

    def _loads(self, plan: Plan) -> Mapping[str, list[int]]:
        """What circuits carry by the reading: the metered ones as it says, others by the readings of their cars."""
        last = self.meter.last
        assert last is not None
        loads = {each.circuit_id: [0, 0, 0] for each in plan.circuits}
        for car in (*self.cars.values(), *self.left.values()):
            if car.evse_uid in plan.circuit_of and car.started_at <= last.at:
                for name in plan.path(plan.circuit_of[car.evse_uid]):
                    for phase in range(drawn_phases_of(car, plan.places[car.evse_uid].phases)):
                        loads[name][phase] += car.drew(last.at, STALE_AFTER)
        if last.phases_a is not None:
            loads |= {name: list(last.phases_a) for name in plan.metered}
        return loads

    def start(self, car: Plugged) -> None:
        """A car is plugged in; told again it changes nothing."""
        self.cars.setdefault(car.session_id, car)

    def end(self, session_id: str, at: int) -> None:
        """A session is over."""
        self.over = {name: ended for name, ended in self.over.items() if ended > at - _REMEMBERED_FOR} | {
            session_id: at
        }
        car = self.cars.pop(session_id, None)
        if car is not None and self.meter.last is not None and at >= self.meter.last.at:
            car.state_at = at
            self.left[session_id] = car

    def answer(self, command_id: str, evse_uid: str, status: str, at: int) -> Answered | None:
        """A charger answered; None where nobody asked."""
        for car in self.cars.values():
            if any(each.command_id == command_id for each in car.open):
                before = self.may_draw(car, at)
                car.answer(command_id, status, at)
                if status == ACCEPTED:
                    car.doubt(before)
                return Answered(car.session_id, status != ACCEPTED or self.may_draw(car, at) != before)
        fallback = self.fallbacks.get(evse_uid)
        if fallback is None or fallback.asked.command_id != command_id:
            return None
        if status == ACCEPTED:
            fallback.accepted_a, fallback.refused = fallback.asked.a, None
        else:
            fallback.refused = status
        return Answered(None, any(car.evse_uid == evse_uid for car in self.cars.values()))

    def next_moment(self) -> int | None:
        """When something changes by time alone: a limit, an answer that is overdue, a measure that gets old."""
        return min((moment for moment in self._moments() if moment > self.at), default=None)

    def _moments(self) -> Iterator[int]:
        change = next_change(self.versions, self.at)
        if change is not None:
            yield change
        for car in self.cars.values():
            if car.open:
                yield car.open[-1].at + ANSWER_WITHIN
        if self.meter.last is not None:
            yield self.meter.last.at + STALE_AFTER + 1
