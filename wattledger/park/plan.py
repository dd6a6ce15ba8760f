"""What happens at a site, planned before it begins: its circuits and limits, who comes, what else draws, what breaks.

Times are seconds from the beginning, currents per phase in mA.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from wattledger.park.cars import Car
from wattledger.park.chargers import Spell

VOLTS: Final = 230
PHASES: Final = 3
Three: TypeAlias = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Circuit:
    """A fuse below its parent, with the EVSEs that it feeds itself: their uids and on how many phases."""

    circuit_id: str
    parent: str | None
    evses: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Bound:
    """What a circuit may carry: mA in each phase, W in all, or both."""

    max_ma: int | None = None
    max_w: int | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """A limit of a site: told at `told_s`, in force in [`from_s`, `to_s`); the smallest of all in force counts."""

    reason: str
    told_s: int
    from_s: int
    to_s: int | None
    bounds: Mapping[str, Bound]

    def rules(self, at_s: int) -> bool:
        """Whether it is in force at a moment."""
        return self.from_s <= at_s and (self.to_s is None or at_s < self.to_s)


@dataclass(frozen=True, slots=True)
class Visit:
    """A car at an EVSE in [`from_s`, `to_s`); whether its driver says what it needs, and by when it leaves."""

    session_id: str
    evse_uid: str
    from_s: int
    to_s: int
    car: Car
    declares: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """A site and all that happens there: `base` are moments from which on others draw so much on each phase."""

    location_id: str
    operator_id: str
    circuits: tuple[Circuit, ...]
    orders: tuple[Order, ...]
    visits: tuple[Visit, ...]
    base: tuple[tuple[int, Three], ...]
    spells: tuple[Spell, ...]
    fallback_ma: int
    most_ma: int
    lasts_s: int

    @property
    def phases(self) -> Mapping[str, int]:
        """All EVSEs, in their order, with their phases."""
        return {uid: phases for circuit in self.circuits for uid, phases in circuit.evses.items()}

    def base_ma(self, at_s: int) -> Three:
        """What draws beside cars at a moment, by phase."""
        return next((drawn for from_s, drawn in reversed(self.base) if from_s <= at_s), (0, 0, 0))

    def changes(self) -> tuple[int, ...]:
        """Moments at which something changes that nobody told chargers to: from then on there are 30 seconds."""
        found = {from_s for from_s, _ in self.base}
        for visit in self.visits:
            found |= {visit.from_s, visit.to_s}
        for order in self.orders:
            found |= {order.from_s, *(() if order.to_s is None else (order.to_s,))}
        for spell in self.spells:
            found |= {spell.from_s, spell.to_s}
        return tuple(sorted(found))

    def bound(self, circuit_id: str, at_s: int) -> Bound:
        """What a circuit may carry at a moment: the smallest of all that is in force."""
        bounds = [each.bounds[circuit_id] for each in self.orders if each.rules(at_s) and circuit_id in each.bounds]
        amperes = [each.max_ma for each in bounds if each.max_ma is not None]
        watts = [each.max_w for each in bounds if each.max_w is not None]
        return Bound(min(amperes, default=None), min(watts, default=None))

    def below(self, circuit_id: str) -> tuple[str, ...]:
        """The EVSEs below a circuit, at whatever depth."""
        found: list[str] = []
        for each in self.circuits:
            if each.circuit_id == circuit_id:
                found += each.evses
            elif each.parent == circuit_id:
                found += self.below(each.circuit_id)
        return tuple(found)
