"""Measures one payout run of very many operators: how long it takes, and whether its memory grows with them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import psycopg

from benchmarks.end_to_end import WrongOutcome
from benchmarks.figures import Figure, figures
from benchmarks.history import load_history
from benchmarks.history_templates import OPERATORS
from benchmarks.processor_time import most_resident_mib, processor_time, resident_mib
from benchmarks.side_by_side import side_by_side
from benchmarks.stage import MESSAGES_PER_SESSION, Stage
from engine.clock import Clock
from wattledger.demo.messages import FIRST_DAY

# At the size of the load that `make bench` has; a smaller load has fewer.
OPERATORS_OF_A_RUN, _OF_EVENTS = 50_000, 200_000
_PAID = "SELECT count(*), count(DISTINCT operator_id) FROM intake.open_payout"
_PER_CENT_FIRST = 10


@dataclass(frozen=True, slots=True)
class _Order:
    dsn: str
    until: datetime
    operators: int


@dataclass(slots=True)
class _Seen:
    """Memory in MiB once a tenth of so many operators was done."""

    operators: int
    done: int = 0
    early: float = 0.0

    def look(self, stage: str, count: int) -> None:
        if stage != "operators":
            return
        self.done += count
        if not self.early and self.done * 100 >= self.operators * _PER_CENT_FIRST:
            self.early = resident_mib()


def measure(stage: Stage, rounds: int, report: Callable[[str], None]) -> list[Figure]:
    """Seconds of a run in which each operator has something to be paid; one round always.

    Later runs that pay reserves which came back are in it, and so is what the clock does after them: payouts are
    weighed, and unanswered ones told. Raises WrongOutcome when an operator was not paid.
    """
    wanted = min(OPERATORS_OF_A_RUN, OPERATORS_OF_A_RUN * stage.wanted // _OF_EVENTS)
    operators = max(1, wanted // OPERATORS) * OPERATORS
    report(f"{operators:,} operators, each with a session to be paid; one round")
    with stage.database() as dsn:
        load_history(
            stage,
            dsn,
            operators * MESSAGES_PER_SESSION,
            paid=False,
            days=1,
            operators=operators,
            sessions_per_day=OPERATORS,
            minimum="0.01",
        )
        report("the run")
        before = processor_time()
        seconds, early, most = side_by_side(_run, [_Order(dsn, FIRST_DAY, operators)]).answers[0]
        spent = processor_time() - before
        with psycopg.connect(dsn) as connection:
            paid = connection.execute(_PAID).fetchone()
    payouts, of = paid or (0, 0)
    if of != operators:
        raise WrongOutcome(f"{of} of {operators} operators are paid: mend the engine before measuring")
    return [
        *figures("s", [[("one run", seconds)]]),
        *figures("processor s", [[(f"one run, {who}", used) for who, used in spent.named() if who != "kafka"]]),
        *figures("", [[("operators", operators), ("payouts", payouts)]]),
        *figures("a second", [[("payouts a second", payouts / seconds)]]),
        *figures("MiB", [[("memory after a tenth", early), ("memory at most", most)]]),
        *figures("", [[("memory at most to that after a tenth", most / early)]]),
    ]


def _run(order: _Order, ready: Callable[[], None]) -> tuple[float, float, float]:
    """Seconds, and memory in MiB after a tenth and the most that there ever was; by a process of its own."""
    seen = _Seen(order.operators)
    clock = Clock(order.dsn)
    ready()
    began = time.perf_counter()
    try:
        clock.advance(order.until, seen.look)
    finally:
        clock.close()
    seconds = time.perf_counter() - began
    return seconds, seen.early, most_resident_mib()
