"""Circuits: a tree of fuses and connections, each with what it may carry, less what others draw there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import TypeAlias

from domain.errors import DomainError
from domain.exact import Exact
from domain.values import named_value


@named_value
class Circuit:
    """A circuit: what it carries at most, per phase in tenths of an ampere or in all in W, and what it is part of.

    `base_a` (L1, L2, L3, in tenths) and `base_w` are what is measured there and is not ours to steer. Raises
    DomainError for a limit below 0.
    """

    circuit_id: str
    parent: str | None = None
    max_a: int | None = None
    max_w: Exact | None = None
    base_a: tuple[int, int, int] = (0, 0, 0)
    base_w: Exact = 0

    def __post_init__(self) -> None:
        if (self.max_a is not None and self.max_a < 0) or (self.max_w is not None and self.max_w < 0):
            raise DomainError(f"circuit {self.circuit_id}: a limit cannot be below 0")


@dataclass(slots=True, eq=False)
class Limit:
    """What is left of one limit of a circuit, in units of its own; below 0 it is exceeded already."""

    circuit: str
    room: int


# Limits above a car, the nearest circuit first, each with what a tenth of an ampere of that car takes of it.
Path: TypeAlias = Sequence[tuple[Limit, int]]


class Limits:
    """The limits of a tree while one allocation is made."""

    def __init__(self, upwards: dict[str, list[Circuit]], voltage_v: Exact) -> None:
        self._upwards = upwards
        # A tenth of an ampere in one phase is a tenth of so many W: whole units by the voltage's denominator.
        volts = Fraction(voltage_v)
        self._unit, self._a_phase = volts.denominator * 10, volts.numerator
        self._phases: dict[tuple[str, int], Limit] = {}
        self._powers: dict[str, Limit] = {}
        for circuit in (each for path in upwards.values() for each in path[:1]):
            name = circuit.circuit_id
            if circuit.max_a is not None:
                for phase, base in enumerate(circuit.base_a, 1):
                    self._phases[name, phase] = Limit(name, circuit.max_a - base)
            if circuit.max_w is not None:
                self._powers[name] = Limit(name, floor((circuit.max_w - circuit.base_w) * self._unit))
        self._above: dict[tuple[str, tuple[int, ...]], Path] = {}

    def above(self, circuit_id: str, phases: tuple[int, ...]) -> Path:
        """What limits a car that uses these phases. Raises DomainError for a circuit that is not in the tree."""
        if circuit_id not in self._upwards:
            raise DomainError(f"circuit {circuit_id}: is not among the circuits")
        path = self._above.get((circuit_id, phases))
        if path is None:
            path = self._above[circuit_id, phases] = self._path(circuit_id, phases)
        return path

    def _path(self, circuit_id: str, phases: tuple[int, ...]) -> Path:
        found: list[tuple[Limit, int]] = []
        for circuit in self._upwards[circuit_id]:
            name = circuit.circuit_id
            if circuit.max_a is not None:
                found += [(self._phases[name, phase], 1) for phase in phases]
            if circuit.max_w is not None:
                found.append((self._powers[name], len(phases) * self._a_phase))
        return found


class Tree:
    """Circuits, each below its parent."""

    def __init__(self, circuits: Iterable[Circuit]) -> None:
        """Raises DomainError for one that is there twice, whose parent is not there, or that is above itself."""
        by_id: dict[str, Circuit] = {}
        for circuit in circuits:
            if by_id.setdefault(circuit.circuit_id, circuit) is not circuit:
                raise DomainError(f"circuit {circuit.circuit_id}: is there twice")
        self._upwards = {name: _upwards(circuit, by_id) for name, circuit in by_id.items()}

    def limits(self, voltage_v: Exact) -> Limits:
        """What its circuits have room for, at a voltage between a phase and neutral."""
        return Limits(self._upwards, voltage_v)


def _upwards(circuit: Circuit, by_id: dict[str, Circuit]) -> list[Circuit]:
    path, seen = [circuit], {circuit.circuit_id}
    while (parent := path[-1].parent) is not None:
        if parent not in by_id:
            raise DomainError(f"circuit {path[-1].circuit_id}: its parent {parent} is not among the circuits")
        if parent in seen:
            raise DomainError(f"circuit {parent}: is its own ancestor")
        seen.add(parent)
        path.append(by_id[parent])
    return path
