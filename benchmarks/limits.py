"""Limits: what the figures of a measurement must reach; a figure that misses one is named, and the command fails."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from benchmarks.figures import Figure


@dataclass(frozen=True, slots=True)
class Limit:
    """What the median of each figure whose name fits `figure` has to reach: a floor, or else a ceiling.

    `figure` is a pattern as file names have them: `*` stands for anything.
    """

    measure: str
    figure: str
    floor: float | None = None
    ceiling: float | None = None

    def __post_init__(self) -> None:
        if (self.floor is None) == (self.ceiling is None):
            raise ValueError(f"the limit of {self.figure} is a floor or a ceiling: give one of them")

    def concerns(self, measure: str, figure: Figure) -> bool:
        """Whether a figure has this limit."""
        return measure == self.measure and fnmatchcase(figure.name, self.figure)

    def miss(self, figure: Figure) -> str | None:
        """A sentence when the figure misses the limit."""
        bound = self.floor if self.floor is not None else self.ceiling or 0.0
        if figure.median >= bound if self.floor is not None else figure.median <= bound:
            return None
        side = "below the floor" if self.floor is not None else "above the limit"
        median, unit = text(figure.median), f" {figure.unit}" if figure.unit else ""
        return f"{self.measure}, {figure.name}: {median}{unit} is {side} of {text(bound)}"

    def __str__(self) -> str:
        return f"at least {text(self.floor)}" if self.floor is not None else f"at most {text(self.ceiling or 0.0)}"


# On two processors that broker, database and engine share.
LIMITS: tuple[Limit, ...] = (
    Limit("pipeline", "end to end", floor=10_000),
    Limit("pipeline", "ratio to the bare pipeline", floor=0.3),
    Limit("rating", "plain energy tariff*", floor=20_000),
    Limit("rating", "10 elements, 20 periods", floor=5_000),
    Limit("allocation", "1,000 sessions in one tree, *", ceiling=50.0),
    Limit("allocation", "violations *", ceiling=0.0),
    Limit("posting", "one connection", floor=10_000),
    Limit("posting", "two connections", floor=10_000),
    Limit("projections", "*, from zero", floor=20_000),
    Limit("network", "catching up, *", floor=20_000),
    Limit("network", "time of the second half to the first", ceiling=1.1),
    Limit("network", "a month, *", ceiling=200.0),
    Limit("large-run", "one run", ceiling=300.0),
    Limit("large-run", "memory at most to that after a tenth", ceiling=1.2),
    Limit("balances", "*p99*", ceiling=1.0),
    Limit("proofs", "100,000 new entries anchored", ceiling=10.0),
    Limit("proofs", "one proof, p99", ceiling=20.0),
    Limit("proofs", "longest path", ceiling=20.0),
    Limit("commands", "*ratio to the faster reference", floor=0.5),
    Limit("profiles", "p99", ceiling=1_000.0),
    Limit("surface", "reads at 100 a second, p50", ceiling=10.0),
    Limit("surface", "reads at 100 a second, p99", ceiling=50.0),
    Limit("surface", "*, larger to smaller book", ceiling=1.3),
    Limit("surface", "ratio of balance look-ups to the bare handler", floor=0.4),
    Limit("surface", "pages, first byte, p95", ceiling=150.0),
    Limit("surface", "first load of a page", ceiling=150.0),
    Limit("surface", "later load of a page", ceiling=60.0),
    Limit("surface", "scripts of the first load", ceiling=50.0),
    Limit("surface", "memory under load", ceiling=200.0),
    Limit("surface", "ready", ceiling=3.0),
    Limit("notices", "longest wait of a healthy target for its next one", ceiling=2.0),
    Limit("notices", "lost", ceiling=0.0),
    Limit("notices", "taken twice", ceiling=0.0),
    Limit("ocpi", "page of 100 CDRs, alone, p50", ceiling=20.0),
    Limit("ocpi", "page of 100 CDRs, 8 at once, p95", ceiling=100.0),
    Limit("ocpi", "page of 100 CDRs at nine tenths, to alone", ceiling=3.0),
    Limit("ocpi", "whole pull of all CDRs", ceiling=60.0),
    Limit("ocpi", "CDRs pushed", floor=200.0),
    Limit("exports", "entries as CSV", floor=20_000),
    Limit("exports", "memory after all to that after a tenth", ceiling=1.2),
    Limit("latency", "*, p99", ceiling=1_000.0),
    Limit("hot accounts", "ratio of hot to spread", floor=0.9),
    Limit("two consumers", "ratio of two to one, database alone", floor=1.4),
    Limit("slow projection", "ratio of intake beside*", floor=0.95),
    Limit("memory", "ratio of the last part to the first", floor=1 / 1.2),
    Limit("memory", "memory at the end to that in the middle", ceiling=1.1),
    Limit("growth", "slowest to fastest, events end to end", ceiling=1.2),
    Limit("growth", "slowest to fastest, entries posted", ceiling=1.2),
    Limit("growth", "slowest to fastest, balance*", ceiling=1.2),
    Limit("growth", "balance*, p99, on *", ceiling=1.0),
)


def text(value: float) -> str:
    """A number as people read it: whole from 100 on, three digits below."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def missed(found: Mapping[str, Sequence[Figure]], limits: Sequence[Limit] = LIMITS) -> list[str]:
    """A sentence for each figure that misses a limit."""
    return list(_misses(found, limits))


def _misses(found: Mapping[str, Sequence[Figure]], limits: Sequence[Limit]) -> Iterator[str]:
    for measure, figures in found.items():
        for figure in figures:
            for limit in limits:
                if limit.concerns(measure, figure) and (sentence := limit.miss(figure)):
                    yield sentence


def limit_of(measure: str, figure: Figure, limits: Sequence[Limit] = LIMITS) -> str:
    """The limit of a figure in words; empty when it has none."""
    return "; ".join(str(limit) for limit in limits if limit.concerns(measure, figure))
