"""Measures payout runs: how many payable lines a second the clock pays, when a history waits for its runs."""

import time
from collections.abc import Callable

import psycopg

from benchmarks.end_to_end import WrongOutcome
from benchmarks.figures import Figure, figures
from benchmarks.history import load_history
from benchmarks.history_templates import OPERATORS, advance
from benchmarks.stage import Stage
from wattledger.demo.messages import FIRST_DAY

_WAITING = "SELECT count(*) FROM intake.line WHERE payout_id IS NULL"


def measure(stage: Stage, rounds: int, report: Callable[[str], None]) -> list[Figure]:
    """Payable lines and payouts a second, over all operators; raises WrongOutcome when lines stay unpaid."""
    speeds, counts = [], []
    for number in range(1, rounds + 1):
        report(f"round {number} of {rounds}: a history without its runs")
        with stage.database() as dsn:
            load_history(stage, dsn, stage.wanted, paid=False)
            lines = _waiting(dsn)
            began = time.perf_counter()
            payouts = advance(dsn, FIRST_DAY)
            seconds = time.perf_counter() - began
            if not payouts or _waiting(dsn) > lines // 10:
                raise WrongOutcome(f"{_waiting(dsn)} of {lines} lines are not paid: mend the engine before measuring")
        speeds.append([("lines", lines / seconds), ("payouts", payouts / seconds)])
        counts.append([("lines paid", lines), ("payouts made", payouts), ("operators", OPERATORS)])
    return [*figures("a second", speeds), *figures("", counts)]


def _waiting(dsn: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(_WAITING).fetchone()
        return int(row[0]) if row else 0
