"""What the cars of a site are told: changes alone, what is lowered before what is raised, pauses seldom.

Nobody is told more before all that may be drawn leaves room for it: of a car whose charger has not answered, has
refused, or does not keep to what it accepted, the most that it may draw.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from hashlib import blake2b
from uuid import NAMESPACE_URL

from domain.load.allocation import Car, Share, Why, allocate
from domain.load.circuits import Path
from domain.load.limits import Plan
from domain.load.meter import phases_of
from domain.load.plugged import FLAP_AFTER, FLOOR_A, MINUTE, NOT_SUPPORTED, REJECTED, SECOND, Plugged, Told
from domain.load.site import Fallback, Site
from domain.named_ids import named_id

INTERVAL = 5 * MINUTE
# What a car is told holds for so long; behind that its station falls back. It is told again before.
VALID_FOR = 30 * MINUTE
_RENEWED_BEFORE = 10 * MINUTE
_IDLE, _KEPT = -1, 20
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Command:
    """A limit for a car from `at` to `until`; without a session, what the station is to keep by itself."""

    command_id: str
    session_id: str | None
    evse_uid: str
    a: int
    phases: int
    at: int
    until: int | None
    why: str


def time_text(moment: int) -> str:
    """A moment as RFC 3339 text in UTC, as it stands in the names of commands."""
    return (_EPOCH + timedelta(microseconds=moment)).isoformat().replace("+00:00", "Z")


def command_id(session_id: str, valid_from: int) -> str:
    """The id of a command: the same whenever it is made again."""
    return str(named_id(NAMESPACE_URL, f"wattledger:profile:{session_id}:{time_text(valid_from)}"))


def fallback_id(evse_uid: str, valid_from: int) -> str:
    """The id of what a station is asked to keep by itself."""
    return str(named_id(NAMESPACE_URL, f"wattledger:fallback:{evse_uid}:{time_text(valid_from)}"))


def decide(site: Site, at: int, *, is_tick: bool = False) -> list[Command]:
    """What is to be told at a moment, in this order; the site has it as told then.

    With `is_tick` those that refused or said nothing are asked once more, and what ends soon is told again.
    """
    site.at = max(site.at, at)
    plan = site.plan(at)
    if plan is None:
        return [*_lifted(site, at, is_tick=is_tick), *_released(site, at)]
    return [*_fallbacks(site, plan, at, is_tick=is_tick), *_Round(site, plan, at, is_tick=is_tick).commands()]


@dataclass(slots=True)
class _Seated:
    """A car of a round: where it is, what it may draw, and whether it is told anything."""

    car: Plugged
    phases: tuple[int, ...]
    circuit: str
    may_draw: int
    is_steered: bool


class _Round:
    """One decision about all cars of a site."""

    def __init__(self, site: Site, plan: Plan, at: int, *, is_tick: bool) -> None:
        self._site, self._plan, self._at, self._is_tick = site, plan, at, is_tick
        self._seated = {
            car.session_id: self._seat(car) for car in site.cars.values() if car.evse_uid in plan.circuit_of
        }
        self._is_stale = site.meter.is_stale(at)
        base = site.meter.base_a(plan, (*site.cars.values(), *site.left.values()))
        self._base = {name: list(base) for name in plan.metered}

    def _seat(self, car: Plugged) -> _Seated:
        place = self._plan.places[car.evse_uid]
        phases = tuple(range(1, phases_of(car, place.phases) + 1))
        # One that strays is told again before its command ends: by that it is seen whether it strays still.
        may_heed = car.refused != NOT_SUPPORTED and (not car.strays or self._ends_soon(car))
        is_asked_again = self._is_tick and may_heed
        may_draw = self._site.may_draw(car, self._at)
        is_steered = is_asked_again or car.is_steered(self._at)
        return _Seated(car, phases, self._plan.circuit_of[car.evse_uid], may_draw, is_steered)

    def commands(self) -> list[Command]:
        """What is told: first all that is lowered, then what there is room for."""
        shares = self._shares()
        room = self._room()
        lowered: list[tuple[_Seated, Share]] = []
        raised: list[tuple[_Seated, Share]] = []
        for session_id, share in shares.items():
            seated = self._seated[session_id]
            if not self._is_news(seated, share.a):
                continue
            (lowered if share.a <= seated.may_draw else raised).append((seated, share))
        found = [self._tell(seated, share.a, str(share)) for seated, share in lowered]
        for seated, share in sorted(raised, key=lambda each: (each[0].may_draw, each[0].car.session_id)):
            if room(seated, share.a - seated.may_draw):
                found.append(self._tell(seated, share.a, str(share)))
            elif self._ends_soon(seated.car):
                last = seated.car.last
                assert last is not None
                found.append(self._tell(seated, last.a, seated.car.last_why))
        return found

    def _room(self) -> Callable[[_Seated, int], bool]:
        """What takes so much more for a car, if all limits above it have room beside all that may be drawn."""
        limits = self._plan.tree(self._base, keeps_a_tenth=self._is_stale).limits(self._plan.voltage_v)
        paths: Mapping[str, Path] = {
            name: limits.above(seated.circuit, seated.phases) for name, seated in self._seated.items()
        }
        for name, seated in self._seated.items():
            for limit, weight in paths[name]:
                limit.room -= weight * seated.may_draw

        def take(seated: _Seated, more: int) -> bool:
            path = paths[seated.car.session_id]
            if any(limit.room < weight * more for limit, weight in path):
                return False
            for limit, weight in path:
                limit.room -= weight * more
            return True

        return take

    def _shares(self) -> Mapping[str, Share]:
        """The share of each car that is steered. One that was resumed of late is paused only where it must be."""
        shares = self._shared(frozenset())
        kept = frozenset(
            session_id
            for session_id, share in shares.items()
            if share.why is Why.PAUSED and self._is_kept(self._seated[session_id].car)
        )
        return self._shared(kept) if kept else shares

    def _is_kept(self, car: Plugged) -> bool:
        return car.last is not None and car.last.a > 0 and _flipped_of_late(car, self._at)

    def _shared(self, kept: frozenset[str]) -> Mapping[str, Share]:
        base = {each.circuit_id: [0, 0, 0] for each in self._plan.circuits} | {
            name: list(each) for name, each in self._base.items()
        }
        cars, shares = [], {}
        for session_id, seated in self._seated.items():
            if not seated.is_steered:
                for name in self._plan.path(seated.circuit):
                    for phase in seated.phases:
                        base[name][phase - 1] += seated.may_draw
            elif seated.car.last is not None and seated.car.last.a == 0 and _flipped_of_late(seated.car, self._at):
                shares[session_id] = Share(0, Why.PAUSED)
            else:
                cars.append(self._wanting(seated, session_id in kept))
        found = allocate(
            cars,
            self._plan.tree(base, keeps_a_tenth=self._is_stale),
            step_a=self._plan.step_a,
            voltage_v=self._plan.voltage_v,
            interval_s=INTERVAL // SECOND,
        )
        return {**shares, **found}

    def _wanting(self, seated: _Seated, is_kept: bool) -> Car:
        """A car as the rule of shares knows it."""
        car, at = seated.car, self._at
        needs_mwh = car.still_needs_mwh()
        is_idle = at < car.idle_until
        most = car.can_take(at, self._site.maximum_a(car.evse_uid))
        return Car(
            session_id=car.session_id,
            circuit=seated.circuit,
            phases=seated.phases,
            min_a=FLOOR_A,
            max_a=min(most, FLOOR_A) if is_idle else max(most, 1),
            need_wh=None if needs_mwh is None else Fraction(needs_mwh, 1_000),
            departs_in_s=None if car.departs_at is None else (car.departs_at - at) // SECOND,
            connected_s=max(at - car.started_at, 0) // SECOND,
            delivered_wh=Fraction(car.delivered_mwh, 1_000),
            priority=_IDLE if is_idle else car.priority + (_KEPT if is_kept else 0),
        )

    def _is_news(self, seated: _Seated, a: int) -> bool:
        car = seated.car
        if car.last is None or car.last.a != a or car.last_phases != len(seated.phases):
            return True
        return self._ends_soon(car) or (self._is_tick and (car.refused is not None or car.is_silent(self._at)))

    def _ends_soon(self, car: Plugged) -> bool:
        return self._is_tick and car.last is not None and car.last.until - self._at <= _RENEWED_BEFORE

    def _tell(self, seated: _Seated, a: int, why: str) -> Command:
        return _tell(seated.car, a, len(seated.phases), self._at, why)


def _flipped_of_late(car: Plugged, at: int) -> bool:
    return car.flipped_at is not None and at < car.flipped_at + FLAP_AFTER


def _tell(car: Plugged, a: int, phases: int, at: int, why: str) -> Command:
    # No two commands of a car begin at one moment: by that they are known.
    if car.last is not None and at <= car.last.at:
        at = car.last.at + 1
    told = Told(command_id(car.session_id, at), a, at, at + VALID_FOR)
    car.tell(told, why, phases)
    return Command(told.command_id, car.session_id, car.evse_uid, a, phases, at, told.until, why)


def _released(site: Site, at: int) -> list[Command]:
    """Nothing is limited any more: who was told less than it can draw hears so, once."""
    found = []
    for car in site.cars.values():
        most = car.most(site.maximum_a(car.evse_uid))
        if car.last is not None and car.last.a < most and at < car.last.until:
            found.append(_tell(car, most, car.last_phases, at, str(Why.MAXIMUM)))
    return found


def _lifted(site: Site, at: int, *, is_tick: bool) -> list[Command]:
    """Nothing is limited any more: no station keeps a share of what was, for this car or for the next one."""
    site.fallback_for = ""
    phases = {
        place.evse_uid: place.phases
        for version in site.versions
        for circuit in version.circuits
        for place in circuit.places
    }
    return [
        _ask(site, evse_uid, site.maximum_a(evse_uid), phases.get(evse_uid, 3), at)
        for evse_uid, known in sorted(site.fallbacks.items())
        if known.asked.a != site.maximum_a(evse_uid) or (is_tick and _is_asked_again(known, at))
    ]


def _fallbacks(site: Site, plan: Plan, at: int, *, is_tick: bool) -> Iterable[Command]:
    """What stations are to keep where nothing holds: their shares with all EVSEs in use; told where it changes."""
    asked_for = blake2b(repr((plan.circuits, sorted(site.maxima.items()))).encode(), digest_size=16).hexdigest()
    if asked_for == site.fallback_for:
        return _asked_again(site, plan, at) if is_tick else ()
    site.fallback_for = asked_for
    found = []
    for evse_uid, share in _shares_in_use(site, plan).items():
        known = site.fallbacks.get(evse_uid)
        if known is None or known.asked.a != share:
            found.append(_ask(site, evse_uid, share, plan.places[evse_uid].phases, at))
    return found


def _shares_in_use(site: Site, plan: Plan) -> Mapping[str, int]:
    cars = [
        Car(
            session_id=evse_uid,
            circuit=plan.circuit_of[evse_uid],
            phases=tuple(range(1, place.phases + 1)),
            min_a=FLOOR_A,
            max_a=site.maximum_a(evse_uid),
        )
        for evse_uid, place in sorted(plan.places.items())
    ]
    shares = allocate(
        cars,
        plan.tree({}),
        step_a=plan.step_a,
        voltage_v=plan.voltage_v,
        interval_s=INTERVAL // SECOND,
    )
    return {evse_uid: share.a for evse_uid, share in shares.items()}


def _asked_again(site: Site, plan: Plan, at: int) -> Sequence[Command]:
    return [
        _ask(site, evse_uid, known.asked.a, plan.places[evse_uid].phases, at)
        for evse_uid, known in site.fallbacks.items()
        if evse_uid in plan.places and _is_asked_again(known, at)
    ]


def _is_asked_again(known: Fallback, at: int) -> bool:
    is_refused = known.refused in (REJECTED, NOT_SUPPORTED)
    return known.accepted_a != known.asked.a and not is_refused and at > known.asked.at


def _ask(site: Site, evse_uid: str, a: int, phases: int, at: int) -> Command:
    known = site.fallbacks.get(evse_uid)
    if known is not None and at <= known.asked.at:
        at = known.asked.at + 1
    asked = Told(fallback_id(evse_uid, at), a, at, at)
    site.fallbacks[evse_uid] = Fallback(asked, known.accepted_a if known is not None else None)
    return Command(asked.command_id, None, evse_uid, a, phases, at, None, "FALLBACK")
