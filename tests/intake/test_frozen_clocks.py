"""A clock that is frozen in the middle of a run: another one goes on with it, and nobody is paid twice."""

import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from domain.calendar import instant
from tests.intake.test_run_sets import OPERATORS, UNTIL, _small_sets, many, paid  # noqa: F401
from tests.support.audited import verify
from tests.support.engine import Engine

# Runs are made four operators at a time, and the process stops itself in the second set, with all its locks.
_FREEZES = """
import os, signal, sys

from domain.calendar import instant
from domain.payout import run
from engine import run_sets
from engine.clock import Clock
from ledger.errors import MachineryFault

run_sets.OPERATORS_PER_RUN_SET = 4
fire = run._Runs.fire

def freezes(runs, day):
    if runs.desk.operator_id == "OP-06":
        os.kill(os.getpid(), signal.SIGSTOP)
    return fire(runs, day)

run._Runs.fire = freezes
try:
    Clock(sys.argv[1]).advance(instant(sys.argv[2]))
except MachineryFault as fault:
    sys.exit(str(fault))
"""


@pytest.fixture
def frozen(many: Engine) -> Any:  # noqa: F811
    """A clock that has stopped within its second set."""
    process = subprocess.Popen([sys.executable, "-c", _FREEZES, many.dsn, UNTIL], stderr=subprocess.PIPE)
    _, status = os.waitpid(process.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status), process.communicate()
    yield process
    process.kill()
    process.communicate()


def test_another_clock_makes_the_runs_of_one_that_is_frozen_in_its_transaction(
    many: Engine,  # noqa: F811
    frozen: "subprocess.Popen[bytes]",
) -> None:
    assert paid(many) == OPERATORS[:4]
    assert many.clock.advance(instant(UNTIL)) == len(OPERATORS) - 4
    assert paid(many) == OPERATORS

    frozen.send_signal(signal.SIGCONT)
    _, told = frozen.communicate(timeout=180)
    assert frozen.returncode == 1, told
    assert b"Traceback" not in told
    assert paid(many) == OPERATORS
    assert verify(many.dsn).passed, verify(many.dsn).failed
