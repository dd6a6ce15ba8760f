"""Limits of a site: the versions that were set, and what all that are in force at a moment come to as one tree.

Moments are microseconds since 1970, currents tenths of an ampere, powers W.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from domain.load.circuits import Circuit, Tree
from domain.values import named_value, value

# A reason whose circuits are the site's own comes first: its tree is the one that the others are put upon.
REASONS = ("GRID", "TARIFF", "DIMMED")
VOLTAGE_V = 230
STEP_A = 10


@value
class Place:
    """An EVSE behind a circuit: on how many phases, and at which voltage between phase and neutral."""

    evse_uid: str
    phases: int
    voltage_v: int | None = None


@named_value
class LimitedCircuit:
    """A circuit as it was set: at most `max_a` tenths of an ampere in each phase, or `max_w` W, or both."""

    circuit_id: str
    parent: str | None = None
    max_a: int | None = None
    max_w: int | None = None
    places: tuple[Place, ...] = ()


@named_value
class Version:
    """A limit as it was set for [`since`, `until`); a later one of its reason goes before it. `is_off`: none."""

    since: int
    until: int | None = None
    reason: str
    is_off: bool = False
    step_a: int | None = None
    circuits: tuple[LimitedCircuit, ...] = ()
    time: int = 0
    source: str = ""
    id: str = ""

    def has_ended(self, at: int) -> bool:
        """Whether it is in effect no more at a moment."""
        return self.until is not None and at >= self.until

    @property
    def order(self) -> tuple[int, int, str, str]:
        """What of several that have begun is the latest."""
        return self.since, self.time, self.source, self.id


@dataclass(frozen=True, slots=True)
class Plan:
    """What is in force at a moment: circuits as a tree, and the circuit and the place of each EVSE.

    `metered` are the circuits that what the site's own meter reads runs through; `parents` has each circuit's.
    """

    circuits: tuple[LimitedCircuit, ...]
    parents: Mapping[str, str | None]
    metered: frozenset[str]
    circuit_of: Mapping[str, str]
    places: Mapping[str, Place]
    reasons: tuple[str, ...]
    step_a: int
    voltage_v: int

    def path(self, circuit_id: str) -> Iterator[str]:
        """A circuit and those above it, the nearest first."""
        name: str | None = circuit_id
        while name is not None:
            yield name
            name = self.parents[name]

    def tree(self, base_a: Mapping[str, Sequence[int]], *, keeps_a_tenth: bool = False) -> Tree:
        """The tree, with what is drawn by phase on each circuit and is not to be shared out.

        With `keeps_a_tenth`, metered circuits keep a tenth of their limits back: what is drawn there is not known.
        """
        return Tree(
            self._circuit(
                each, base_a.get(each.circuit_id, _NOTHING), keeps_a_tenth and each.circuit_id in self.metered
            )
            for each in self.circuits
        )

    def _circuit(self, circuit: LimitedCircuit, base_a: Sequence[int], keeps_a_tenth: bool) -> Circuit:
        kept_a, kept_w = (-(-(each or 0) // 10) if keeps_a_tenth else 0 for each in (circuit.max_a, circuit.max_w))
        first, second, third = (each + kept_a for each in base_a)
        return Circuit(
            circuit_id=circuit.circuit_id,
            parent=circuit.parent,
            max_a=circuit.max_a,
            max_w=circuit.max_w,
            base_a=(first, second, third),
            base_w=watts(sum(base_a), self.voltage_v) + kept_w,
        )


def watts(tenths: int, voltage_v: int) -> int:
    """W of a current in tenths of an ampere, summed over phases; what is finer is taken up."""
    return -(-tenths * voltage_v // 10)


def latest(versions: Iterable[Version], at: int) -> dict[str, Version]:
    """Of each reason the version that counts at a moment: of those in effect then the one that began last."""
    found: dict[str, Version] = {}
    for version in versions:
        known = found.get(version.reason)
        if version.since <= at and not version.has_ended(at) and (known is None or known.order < version.order):
            found[version.reason] = version
    return found


def still_needed(versions: Collection[Version], at: int) -> list[Version]:
    """The versions without those that can count at no moment from this one on."""
    return [
        each
        for each in versions
        if not each.has_ended(at) and not any(_hides(other, each) for other in versions if other.since <= at)
    ]


def _hides(version: Version, other: Version) -> bool:
    """Whether a version that has begun counts instead of another for as long as that one is in effect."""
    lasts = version.until is None or (other.until is not None and version.until >= other.until)
    return version.reason == other.reason and version.order > other.order and lasts


def next_change(versions: Iterable[Version], after: int) -> int | None:
    """The first moment behind another at which a version begins or ends."""
    moments = (moment for each in versions for moment in (each.since, each.until) if moment is not None)
    return min((moment for moment in moments if moment > after), default=None)


def in_force(versions: Iterable[Version], at: int) -> Plan | None:
    """What counts at a moment; None where nothing is limited then.

    Of each reason the version that began last counts of those in effect, and of all reasons the smaller limit: a
    circuit that several name has the smaller of their limits. A circuit that one reason alone names is put beside the
    tree where no EVSE of it is in the tree, else above all of it.
    """
    by_reason = latest(versions, at)
    chosen = [version for reason in REASONS if (version := by_reason.get(reason)) is not None and not version.is_off]
    if not chosen:
        return None
    circuits = _merged(chosen)
    roots = {each.circuit_id for version in chosen for each in version.circuits if each.parent is None}
    places = {place.evse_uid: place for each in circuits for place in each.places}
    return Plan(
        circuits=circuits,
        parents={each.circuit_id: each.parent for each in circuits},
        metered=frozenset({each.circuit_id for each in circuits if each.parent is None} | roots),
        circuit_of={place.evse_uid: each.circuit_id for each in circuits for place in each.places},
        places=places,
        reasons=tuple(each.reason for each in chosen),
        step_a=next((each.step_a for each in chosen if each.step_a is not None), STEP_A),
        # Of several voltages the highest: no power is taken for less than it is.
        voltage_v=max((each.voltage_v or VOLTAGE_V for each in places.values()), default=VOLTAGE_V),
    )


def _merged(versions: Sequence[Version]) -> tuple[LimitedCircuit, ...]:
    merged = {each.circuit_id: each for each in versions[0].circuits}
    above: dict[str, LimitedCircuit] = {}
    for version in versions[1:]:
        placed = {place.evse_uid for each in (*merged.values(), *above.values()) for place in each.places}
        known = merged.keys() | above.keys()
        overlapping = {
            name
            for each in version.circuits
            if each.circuit_id in known or any(place.evse_uid in placed for place in each.places)
            for name in _upwards(each, version)
        }
        stacked = overlapping - merged.keys()
        for each in version.circuits:
            name = each.circuit_id
            upwards = (up for up in _upwards(each, version) if up not in stacked and up != name)
            parent = next(upwards, None)
            if name in merged:
                merged[name] = _joined(merged[name], each, placed)
            elif name not in stacked:
                merged[name] = replace(each, parent=parent)
            elif parent is None:
                above[name] = _joined(above.get(name, replace(each, places=())), each, placed)
            else:
                above[name] = _joined(above.get(name, replace(each, places=())), replace(each, places=()), placed)
                merged[parent] = _joined(
                    merged[parent], LimitedCircuit(circuit_id=parent, places=each.places), placed
                )
    return _stacked(merged.values(), above.values())


def _upwards(circuit: LimitedCircuit, version: Version) -> Iterator[str]:
    by_id = {each.circuit_id: each for each in version.circuits}
    found: LimitedCircuit | None = circuit
    while found is not None:
        yield found.circuit_id
        found = by_id.get(found.parent) if found.parent is not None else None


def _joined(circuit: LimitedCircuit, other: LimitedCircuit, placed: Collection[str]) -> LimitedCircuit:
    """A circuit with the smaller of both limits, and the EVSEs of both that are not placed elsewhere."""
    more = tuple(place for place in other.places if place.evse_uid not in placed)
    limits_a = [each for each in (circuit.max_a, other.max_a) if each is not None]
    limits_w = [each for each in (circuit.max_w, other.max_w) if each is not None]
    return replace(
        circuit,
        max_a=min(limits_a, default=None),
        max_w=min(limits_w, default=None),
        places=circuit.places + more,
    )


def _stacked(tree: Iterable[LimitedCircuit], above: Collection[LimitedCircuit]) -> tuple[LimitedCircuit, ...]:
    """A tree with circuits put above all its roots, one above the other, what they alone feed below all."""
    parent: str | None = None
    stack = []
    for each in above:
        stack.append(replace(each, parent=parent, places=()))
        parent = each.circuit_id
    if stack:
        stack[-1] = replace(stack[-1], places=tuple(place for each in above for place in each.places))
    return (*stack, *(each if each.parent is not None else replace(each, parent=parent) for each in tree))


_NOTHING = (0, 0, 0)
