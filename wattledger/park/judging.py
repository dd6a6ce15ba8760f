"""Whether a site stayed below its limits: in every reading after 30 seconds from a change, and in every quarter hour.

A change is a car that comes or goes, a limit that begins or ends, what else draws, and a charger that fails or comes
back; what chargers are told is none. For the quarter a limit that sinks counts from those 30 seconds on.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from wattledger.park.plan import PHASES, VOLTS, Bound, Plan, Three
from wattledger.park.site import Drawn

GRACE_S: Final = 30
QUARTER_S: Final = 900
WATTS: Final = "W"
_MILLI: Final = 1_000


@dataclass(frozen=True, slots=True)
class Over:
    """A limit that was exceeded: when, of which circuit, on `L1` to `L3` (mA) or in all (`W`), and by how much."""

    at_s: int
    circuit: str
    what: str
    drawn: int
    limit: int


@dataclass(slots=True)
class Verdict:
    """What came of a site; `pressed` are readings in which cars wanted more than there was, `used` is of those."""

    location_id: str
    readings: int = 0
    graced: int = 0
    over: list[Over] = field(default_factory=list)
    quarters: int = 0
    quarters_over: list[Over] = field(default_factory=list)
    pressed: int = 0
    delivered_wh: int = 0
    used_permille: int = 0
    answers: dict[str, int] = field(default_factory=dict)

    @property
    def is_held(self) -> bool:
        """Whether no limit was exceeded where none may be."""
        return not self.over and not self.quarters_over

    def document(self) -> dict[str, Any]:
        """As JSON: amperes and watts as they were, times in seconds from the beginning."""
        return {
            "location_id": self.location_id,
            "held": self.is_held,
            "readings": self.readings,
            "within_30_s": self.graced,
            "readings_over": [_told(each) for each in self.over],
            "quarters": self.quarters,
            "quarters_over": [_told(each) for each in self.quarters_over],
            "pressed": self.pressed,
            "used_percent": self.used_permille / 10,
            "delivered_wh": self.delivered_wh,
            "answers": dict(sorted(self.answers.items())),
        }


def _told(over: Over) -> dict[str, Any]:
    unit = 1 if over.what == WATTS else _MILLI
    return {
        "at_s": over.at_s,
        "circuit_id": over.circuit,
        "what": over.what,
        "drawn": over.drawn / unit,
        "limit": over.limit / unit,
    }


class Judge:
    """Who looks at a site tick by tick, by what its plan says of limits and not by what anybody was told."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._changes = plan.changes()
        self._below = {each.circuit_id: plan.below(each.circuit_id) for each in plan.circuits}
        self._sums: dict[tuple[int, str, str], list[int]] = defaultdict(lambda: [0, 0])
        self._used: list[int] = [0, 0]
        self.verdict = Verdict(plan.location_id)

    def look(self, drawn: Drawn) -> None:
        """Take a tick in; it lies within one quarter and no limit begins or ends in it."""
        from_s = drawn.to_s - drawn.seconds
        self.verdict.readings += 1
        is_graced = self._is_graced(drawn.to_s)
        self.verdict.graced += is_graced
        for circuit in self._plan.circuits:
            flows = drawn.of(self._below[circuit.circuit_id], with_base=circuit.parent is None)
            bound = self._plan.bound(circuit.circuit_id, from_s)
            before = self._plan.bound(circuit.circuit_id, max(0, from_s - GRACE_S))
            for what, is_drawn, limit in _compared(flows, bound):
                if is_drawn > limit and not is_graced:
                    self.verdict.over.append(Over(drawn.to_s, circuit.circuit_id, what, is_drawn, limit))
                sums = self._sums[from_s // QUARTER_S, circuit.circuit_id, what]
                sums[0] += is_drawn * drawn.seconds
                sums[1] += max(limit, _of(before, what, limit)) * drawn.seconds
            if circuit.parent is None:
                self._look_at_wishes(drawn, flows, bound)

    def _look_at_wishes(self, drawn: Drawn, flows: Three, bound: Bound) -> None:
        if not any(wanted > limit for _, wanted, limit in _compared(drawn.wanted, bound)):
            return
        self.verdict.pressed += 1
        permille = max(is_drawn * 1_000 // limit for _, is_drawn, limit in _compared(flows, bound) if limit)
        self._used[0] += permille
        self._used[1] += 1

    def close(self, delivered_wh: int, lasted_s: int, answers: dict[str, int]) -> Verdict:
        """The verdict after so many seconds; a quarter that has not ended is not judged."""
        found = self.verdict
        found.delivered_wh, found.answers = delivered_wh, answers
        found.used_permille = self._used[0] // self._used[1] if self._used[1] else 0
        found.quarters, found.quarters_over = lasted_s // QUARTER_S, []
        for (quarter, circuit, what), (is_drawn, limit) in sorted(self._sums.items()):
            if quarter < found.quarters and is_drawn > limit:
                at_s, mean = quarter * QUARTER_S, (is_drawn // QUARTER_S, limit // QUARTER_S)
                found.quarters_over.append(Over(at_s, circuit, what, *mean))
        return found

    def _is_graced(self, at_s: int) -> bool:
        last = bisect_right(self._changes, at_s - 1) - 1
        return last >= 0 and at_s <= self._changes[last] + GRACE_S


def _compared(flows: Three, bound: Bound) -> Iterator[tuple[str, int, int]]:
    """What is drawn beside what may be, of each limit that there is."""
    if bound.max_ma is not None:
        yield from ((f"L{number + 1}", flows[number], bound.max_ma) for number in range(PHASES))
    if bound.max_w is not None:
        yield WATTS, sum(flows) * VOLTS // _MILLI, bound.max_w


def _of(bound: Bound, what: str, otherwise: int) -> int:
    found = bound.max_w if what == WATTS else bound.max_ma
    return otherwise if found is None else found
