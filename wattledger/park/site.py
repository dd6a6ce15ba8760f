"""A site as it runs: cars at chargers, meters that count, tick by tick, of whole seconds and whole numbers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from wattledger.park.cars import FLOOR_MA, MWS_A_WH, Car
from wattledger.park.chargers import Charger
from wattledger.park.plan import PHASES, VOLTS, Plan, Three, Visit

_FIRST_REGISTER_WH = 1_000


@dataclass(slots=True)
class Session:
    """A visit that has begun: from which register, what it has taken in, and what it draws now."""

    visit: Visit
    start_wh: int
    taken_mws: int = 0
    draws_ma: int = 0
    is_full: bool = False
    is_paused: bool = False
    wakes_at_s: int = 0

    @property
    def car(self) -> Car:
        """Who charges."""
        return self.visit.car


@dataclass(frozen=True, slots=True)
class Drawn:
    """What a site drew for so many seconds up to a moment: by EVSE, by others, and what cars would have liked."""

    to_s: int
    seconds: int
    by_evse: Mapping[str, Three]
    base: Three
    wanted: Three

    def of(self, evses: Iterable[str], *, with_base: bool) -> Three:
        """The current on each phase of some EVSEs, with or without what else draws."""
        rows = [self.by_evse[each] for each in evses] + ([self.base] if with_base else [])
        return _sum(rows)

    @property
    def site(self) -> Three:
        """What the site's own meter sees on each phase."""
        return self.of(self.by_evse, with_base=True)


class Site:
    """A plan under way. What chargers offer is theirs to say; what is drawn of it, and counted, is decided here."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.chargers = {
            uid: Charger(
                uid,
                phases,
                plan.most_ma,
                plan.fallback_ma,
                tuple(each for each in plan.spells if each.evse_uid == uid),
            )
            for uid, phases in plan.phases.items()
        }
        self.sessions: dict[str, Session] = {}
        self.import_mws = 0
        self._registers = dict.fromkeys(self.chargers, _FIRST_REGISTER_WH * MWS_A_WH)
        self._waiting = sorted(plan.visits, key=lambda each: (each.from_s, each.session_id))

    def register_wh(self, evse_uid: str) -> int:
        """What the meter of a charger shows: whole Wh, which never fall."""
        return self._registers[evse_uid] // MWS_A_WH

    @property
    def first_registers_wh(self) -> int:
        """What the meters of all chargers showed at first, together."""
        return _FIRST_REGISTER_WH * len(self.chargers)

    @property
    def import_wh(self) -> int:
        """What the meter of the site shows."""
        return self.import_mws // MWS_A_WH

    def arrive(self, at_s: int) -> list[Session]:
        """Sessions that begin by now."""
        found = []
        while self._waiting and self._waiting[0].from_s <= at_s:
            visit = self._waiting.pop(0)
            self.chargers[visit.evse_uid].plug_in(visit.session_id)
            session = self.sessions[visit.evse_uid] = Session(visit, self.register_wh(visit.evse_uid))
            found.append(session)
        return found

    def leave(self, at_s: int) -> list[Session]:
        """Sessions that end by now."""
        gone = [each for each in self.sessions.values() if each.visit.to_s <= at_s]
        for session in gone:
            self.chargers[session.visit.evse_uid].unplug()
            del self.sessions[session.visit.evse_uid]
        return gone

    def draw(self, at_s: int, seconds: int) -> Drawn:
        """Let time go on: what was drawn from `at_s` on for so many seconds, which all meters have counted."""
        by_evse: dict[str, Three] = dict.fromkeys(self.chargers, (0, 0, 0))
        wanted: list[Three] = []
        for uid, session in self.sessions.items():
            charger, car = self.chargers[uid], session.car
            phases = min(car.phases, charger.phases)
            session.draws_ma = self._drawn_ma(uid, session, at_s)
            taken = session.draws_ma * phases * VOLTS * seconds
            session.taken_mws += taken
            self._registers[uid] += taken
            by_evse[uid] = _on(phases, session.draws_ma)
            wanted.append(_on(phases, min(car.wants_ma(session.taken_mws), charger.most_ma)))
        base = self.plan.base_ma(at_s)
        drawn = Drawn(at_s + seconds, seconds, by_evse, base, _sum([*wanted, base]))
        self.import_mws += sum(drawn.site) * VOLTS * seconds
        return drawn

    def _drawn_ma(self, uid: str, session: Session, at_s: int) -> int:
        """What a car draws now: after a pause it takes its time."""
        offered = self.chargers[uid].offers_ma(at_s)
        if offered < FLOOR_MA:
            session.is_paused = True
            return 0
        if session.is_paused:
            session.is_paused, session.wakes_at_s = False, at_s + session.car.wakes_s
        return session.car.draws_ma(offered, session.taken_mws) if at_s >= session.wakes_at_s else 0


def _on(phases: int, ma: int) -> Three:
    first, second, third = (ma if number < phases else 0 for number in range(PHASES))
    return first, second, third


def _sum(rows: list[Three]) -> Three:
    first, second, third = (sum(row[number] for row in rows) for number in range(PHASES))
    return first, second, third
