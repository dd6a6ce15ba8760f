"""The meter of a site: what it reads, what of that is not ours to steer, and when a limit is missed.

Moments are microseconds since 1970, currents tenths of an ampere, energy thousandths of a Wh.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from domain.load.limits import Plan, watts
from domain.load.plugged import MINUTE, SECOND, Plugged

# What is older is no measure of now.
STALE_AFTER = 5 * MINUTE
# Readings in a row above a limit, from which on it counts as missed.
MISSED_AFTER = 2
_MWH_HOUR = 3_600 * SECOND
_QUARTER = 15 * MINUTE
# A quarter hour is foreseen from a third of it on; a peak is near from nineteen twentieths on.
_FORESEEN_AFTER = 5 * MINUTE
_NEAR = (19, 20)


@dataclass(slots=True)
class Metered:
    """A reading: the register, and the current of each phase, told or by the mean power since the last one."""

    at: int
    import_mwh: int
    phases_a: tuple[int, int, int] | None
    power_w: int | None


@dataclass(slots=True)
class Miss:
    """Readings of a circuit above its limit: since when, by how much at most, and how many in a row."""

    circuit_id: str
    since: int
    until: int | None = None
    over_a: int = 0
    over_w: int = 0
    readings: int = 0


@dataclass(slots=True)
class Peak:
    """The register when the quarter hour began, the month and the most that a quarter hour of it took."""

    quarter: int = 0
    start_mwh: int = 0
    month: str = ""
    most_mwh: int = 0
    told_of: int = 0


@dataclass(slots=True)
class Meter:
    """What is known of a site by its meter."""

    last: Metered | None = None
    misses: dict[str, Miss] = field(default_factory=dict)
    peak: Peak = field(default_factory=Peak)

    def read(self, at: int, import_mwh: int, phases_a: tuple[int, int, int] | None, voltage_v: int) -> bool:
        """Take in a reading; whether it is news."""
        before = self.last
        if before is not None and at <= before.at:
            return False
        power_w = None
        if before is not None and import_mwh >= before.import_mwh:
            power_w = (import_mwh - before.import_mwh) * _MWH_HOUR // (1_000 * (at - before.at))
        if phases_a is None and power_w is not None:
            each = -(-power_w * 10 // (3 * voltage_v))
            phases_a = (each, each, each)
        if phases_a is not None:
            power_w = watts(sum(phases_a), voltage_v)
        self.last = Metered(at, import_mwh, phases_a, power_w)
        return True

    def is_stale(self, at: int) -> bool:
        """Whether there was a reading, and none of late."""
        return self.last is not None and at > self.last.at + STALE_AFTER

    def base_a(self, plan: Plan, cars: Iterable[Plugged]) -> tuple[int, int, int]:
        """What was drawn beside our cars when it was read last, by phase."""
        last = self.last
        if last is None or last.phases_a is None:
            return 0, 0, 0
        left = list(last.phases_a)
        for car in cars:
            place = plan.places.get(car.evse_uid)
            if place is None or car.started_at > last.at:
                continue
            for phase in range(drawn_phases_of(car, place.phases)):
                left[phase] -= car.drew(last.at, STALE_AFTER)
        first, second, third = (max(each, 0) for each in left)
        return first, second, third

    def compare(self, plan: Plan, loads_a: Mapping[str, Sequence[int]]) -> list[Miss]:
        """Note which circuits carry more than they may; the misses that are told now, or over now."""
        assert self.last is not None
        at, changed = self.last.at, []
        over = {each.circuit_id: each for each in _over(plan, loads_a, at)}
        for name in sorted({*self.misses, *over}):
            known, found = self.misses.get(name), over.get(name)
            if found is None:
                assert known is not None
                del self.misses[name]
                if known.readings >= MISSED_AFTER:
                    known.until = at
                    changed.append(known)
                continue
            if known is None:
                known = self.misses[name] = Miss(name, at)
            more = found.over_a > known.over_a or found.over_w > known.over_w
            known.over_a, known.over_w = max(known.over_a, found.over_a), max(known.over_w, found.over_w)
            known.readings += 1
            if known.readings == MISSED_AFTER or (known.readings > MISSED_AFTER and more):
                changed.append(known)
        return changed

    def near_the_peak(self, month: str) -> tuple[int, int] | None:
        """What the quarter hour will come to and the month's peak, in W; once a quarter hour, where it is near."""
        assert self.last is not None
        at, register = self.last.at, self.last.import_mwh
        peak, quarter = self.peak, self.last.at // _QUARTER
        if quarter != peak.quarter:
            if quarter == peak.quarter + 1:
                peak.most_mwh = max(peak.most_mwh, register - peak.start_mwh)
            peak.quarter, peak.start_mwh = quarter, register
        if month != peak.month:
            peak.month, peak.most_mwh = month, 0
        elapsed = at - quarter * _QUARTER
        if elapsed < _FORESEEN_AFTER or peak.told_of == quarter or not peak.most_mwh:
            return None
        foreseen = (register - peak.start_mwh) * _QUARTER // elapsed
        if foreseen * _NEAR[1] < peak.most_mwh * _NEAR[0]:
            return None
        peak.told_of = quarter
        return foreseen * 4 // 1_000, peak.most_mwh * 4 // 1_000


def phases_of(car: Plugged, at_place: int) -> int:
    """How many phases a car uses at a place: no more than it declared."""
    return at_place if car.phases is None else min(car.phases, at_place)


def drawn_phases_of(car: Plugged, at_place: int) -> int:
    """On how many phases a car draws: as was seen, else as it was declared."""
    return phases_of(car, at_place) if car.uses is None else min(car.uses, at_place)


def _over(plan: Plan, loads_a: Mapping[str, Sequence[int]], at: int) -> Iterable[Miss]:
    """The circuits whose load is above a limit."""
    for circuit in plan.circuits:
        load = loads_a.get(circuit.circuit_id, (0, 0, 0))
        over_a = max(load) - circuit.max_a if circuit.max_a is not None else 0
        over_w = watts(sum(load), plan.voltage_v) - circuit.max_w if circuit.max_w is not None else 0
        if over_a > 0 or over_w > 0:
            yield Miss(circuit.circuit_id, at, over_a=max(over_a, 0), over_w=max(over_w, 0))
