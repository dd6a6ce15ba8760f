"""A clock that is killed at any point of a run, with approvals and a stop on their way: each payout leaves once."""

import signal
import subprocess
import sys
from typing import Any

import pytest

from ledger.events.codec import decode
from tests.intake.test_approvals import SHARE, decided, payouts
from tests.intake.test_holds_and_stops import switch
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import operator, session, tariff

OPERATORS = [f"OP-{number:02}" for number in range(1, 10)]
# A process that kills itself at a call of a function of the engine, counted from 1; its sets are small.
_KILLED = """
import importlib, os, signal, sys

from domain.calendar import instant
from engine import run_sets
from engine.clock import Clock

dsn, until, module, name, call = sys.argv[1:]
run_sets.OPERATORS_PER_RUN_SET = 2
*outer, name = name.split(".")
owner = importlib.import_module(module)
for each in outer:
    owner = getattr(owner, each)
whole, left = getattr(owner, name), int(call)

def killed(*given, **named):
    global left
    left -= 1
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(*given, **named)

setattr(owner, name, killed)
Clock(dsn).advance(instant(until))
"""
# Where, and at which call: while runs are decided, and once all is written but that their dates are closed.
POINTS = [
    ("domain.payout.run", "_Runs.fire", 3),
    ("engine.run_sets", "close_runs", 2),
]


def killed(engine: Engine, until: str, point: tuple[str, str, int]) -> None:
    """Move a clock of another process to a moment, and have it killed on its way."""
    module, name, call = point
    words = [sys.executable, "-c", _KILLED, engine.dsn, until, module, name, str(call)]
    assert subprocess.run(words, check=False).returncode == -signal.SIGKILL


def approve_all(engine: Engine, at: str) -> None:
    """A person approves whatever was made so far."""
    rows = engine.rows("SELECT state FROM event_store.stored_events WHERE topic = 'PayoutCreated'")
    made: list[Any] = [decode("PayoutCreated", bytes(state)) for (state,) in rows]
    engine.feed([decided("approved", each, at) for each in made if each.approvals])


@pytest.mark.parametrize("point", POINTS, ids=[name for _, name, _ in POINTS])
def test_a_clock_killed_in_a_run_leaves_each_payout_to_the_next_one_once(
    engine: Engine, point: tuple[str, str, int]
) -> None:
    for number, name in enumerate(OPERATORS, 1):
        terms: dict[str, Any] = {"payout_requires_approval": number % 2 == 0, "time_zone": "UTC"}
        account = {"holder": name, "iban": "NL20INGB0001234567"}
        first, *rest = session(f"S-{number}")
        of_operator = {"operator_id": name, "tariff_id": f"T-{number}"}
        engine.feed([operator(name, bank_account=account, **terms), tariff(name, f"T-{number}")])
        engine.feed([first | {"data": first["data"] | of_operator}, *rest])

    killed(engine, "2026-03-03T00:05:00Z", point)
    approve_all(engine, "03 00:02")
    made = len(payouts(engine))
    engine.feed([switch("payouts.stopped", "03 00:03")])
    engine.advance("2026-03-03T00:05:00Z")
    assert len(payouts(engine)) == made < len(OPERATORS)

    engine.feed([switch("payouts.resumed", "03 08:00")])
    killed(engine, "2026-03-03T09:00:00Z", point)
    engine.advance("2026-03-03T09:00:00Z")
    approve_all(engine, "03 10:00")
    engine.advance("2026-03-03T12:00:00Z")

    assert payouts(engine) == [("02", 1, "IN_TRANSIT", SHARE)] * len(OPERATORS)
    assert verify(engine.dsn).passed, verify(engine.dsn).failed
