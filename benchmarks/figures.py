"""Figures: what the rounds of a measurement gave, as median and spread."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """A named quantity in a unit, with its value of each round. Raises ValueError when there was no round."""

    name: str
    unit: str
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError(f"the figure {self.name} has no value: measure at least one round")

    @property
    def median(self) -> float:
        """The value in the middle."""
        return float(median(self.values))

    @property
    def spread(self) -> tuple[float, float]:
        """The lowest and the highest value."""
        return min(self.values), max(self.values)

    def document(self) -> dict[str, Any]:
        """The figure for programs."""
        low, high = self.spread
        return {"unit": self.unit, "median": self.median, "low": low, "high": high, "rounds": list(self.values)}


def figures(unit: str, rounds: Sequence[Iterable[tuple[str, float]]]) -> list[Figure]:
    """Figures of one unit from the (name, value) pairs of each round; every round has the same names."""
    by_round = [dict(pairs) for pairs in rounds]
    return [Figure(name, unit, tuple(values[name] for values in by_round)) for name in by_round[0]]
