"""`kill -9` of the broker, the database and the command at random moments; finished afterwards, nothing shows of it.

WATTLEDGER_TEST_KILLS says how many kills there are in all, WATTLEDGER_TEST_KILL_SEED which ones.
"""

import os
import random
import signal
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Literal, TypeAlias

import orjson
import pytest

from tests.end_to_end.comparing import BYTE_EQUAL, MENDING_APART, difference
from tests.end_to_end.conftest import Settled
from tests.end_to_end.progress import progress
from tests.end_to_end.running import Home, Process, counts_add_up

KILLS = max(1, int(os.environ.get("WATTLEDGER_TEST_KILLS", "8")))
# Many kills are shared among rounds, of which each begins with an empty store.
ROUNDS = 1 if KILLS <= 8 else 2
SEED = int(os.environ.get("WATTLEDGER_TEST_KILL_SEED", "0")) or random.randrange(1, 10**6)

Victim: TypeAlias = Literal["kafka", "postgresql", "command", "everything"]
# Each round has all kinds of victims, whatever is drawn beyond that.
VICTIMS: tuple[Victim, ...] = ("kafka", "postgresql", "command", "everything")

_STALLED_SECONDS_MAX = 300
KILLS_OF_REAL_SESSIONS = 4


@dataclass(slots=True)
class Settling:
    """The command `settle`, started again whenever it was killed or ended before its last kill."""

    home: Home
    events: Path
    out: Path
    killed: Counter[Victim] = field(default_factory=Counter)
    process: Process | None = None
    stalls: int = 0

    def await_progress(self, wanted: int) -> None:
        """Returns once the store has come that far; the command runs then, or has just ended."""
        deadline = monotonic() + _STALLED_SECONDS_MAX
        while (progress(self.home.dsn()) or -1) < wanted:
            self.keep_running()
            assert monotonic() < deadline, f"it stands still before {wanted}\n{self.said()}"
            sleep(0.01)

    def keep_running(self) -> None:
        """Starts the command unless it runs."""
        if self.process is not None and self.process.poll() is not None:
            self.end()
        if self.process is None:
            self.process = self.home.start("settle", self.events, "--out", self.out)

    def kill(self, victim: Victim) -> None:
        """Kills what is named, as soon as it is there to be killed."""
        deadline = monotonic() + _STALLED_SECONDS_MAX
        while not self._killed(victim):
            self.keep_running()
            assert monotonic() < deadline, f"there was no {victim} to kill\n{self.said()}"
            sleep(0.01)
        self.killed[victim] += 1

    def _killed(self, victim: Victim) -> bool:
        if victim == "everything":
            # The servers first: they would notice the end of the command and stop in order.
            killed = self.home.kill("kafka") & self.home.kill("postgresql")
            return self._kill_command() and killed
        return self._kill_command() if victim == "command" else self.home.kill(victim)

    def _kill_command(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            return False
        self.process.kill()
        self.process.wait()
        return True

    def end(self) -> bool:
        """Awaits the end of the command, if it runs: True when it did all, False when it was killed.

        That a server was killed is no reason for it to give up. One that stands still is made to say where (its
        stacks go to the log), and is run again as its user would; twice is a failure.
        """
        if self.process is None:
            return False
        try:
            status = self.process.wait(_STALLED_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)
            self.process.wait()
            self.process = None
            self.stalls += 1
            print(f"settle stood still:\n{self.said()}")  # noqa: T201 (shown by pytest when the test fails)
            assert self.stalls == 1, f"settle stood still twice\n{self.said()}"
            return False
        self.process = None
        assert status in (0, -signal.SIGKILL), f"settle ended with {status}\n{self.said()}"
        return status == 0

    def finish(self) -> None:
        """Runs the command until it did all."""
        while not self.end():
            self.keep_running()

    def said(self) -> str:
        """The last that the commands said."""
        return self.home.log.read_text(errors="replace")[-3_000:]


def moments(chance: random.Random, kills: int, end: int) -> list[tuple[int, Victim]]:
    """How far the store is to come before each kill, the first of them right after the start."""
    thresholds = [0, *sorted(chance.randrange(end) for _ in range(kills - 1))]
    victims = [*VICTIMS, *chance.choices(VICTIMS, weights=(3, 3, 3, 1), k=kills)][:kills]
    chance.shuffle(victims)
    return list(zip(thresholds, victims, strict=True))


def settle_under_fire(undisturbed: Settled, folder: Path, plan: list[tuple[int, Victim]], batch: int) -> Settling:
    """Settle the events of an undisturbed run while victims are killed by plan; its counts are those of that run."""
    # Small batches, so that there are many moments between which something can be lost.
    settling = Settling(Home(folder, BATCH_MAX_RECORDS=str(batch)).made_ahead(), undisturbed.events, folder / "out")
    try:
        for threshold, victim in plan:
            settling.await_progress(threshold)
            settling.kill(victim)
        settling.finish()
    finally:
        if settling.process is not None:
            settling.process.kill()
            settling.process.wait()
    assert settling.killed.total() == len(plan)
    summary = orjson.loads((folder / "out" / "summary.json").read_bytes())
    assert counts_add_up(summary)
    totals = ("sessions_rated", "sessions_open", "sessions_in_suspense", "cdrs", "payouts")
    assert {name: summary[name] for name in totals} == {name: undisturbed.summary[name] for name in totals}
    return settling


@pytest.mark.parametrize("number", range(ROUNDS))
def test_whatever_is_killed_and_whenever_the_files_are_those_of_an_undisturbed_run(
    network_settled: Settled, tmp_path: Path, number: int
) -> None:
    kills = KILLS // ROUNDS + (number < KILLS % ROUNDS)
    plan = moments(random.Random(SEED + number), kills, network_settled.progress)
    told = f"WATTLEDGER_TEST_KILL_SEED={SEED} WATTLEDGER_TEST_KILLS={KILLS}, round {number}: {plan}"
    print(told)  # noqa: T201 (shown by pytest when the test fails)
    settling = settle_under_fire(network_settled, tmp_path, plan, batch=100)
    assert difference(network_settled.out, tmp_path / "out", MENDING_APART) == "", told
    refused = [folder / "deadletter.jsonl" for folder in (network_settled.out, tmp_path / "out")]
    assert refused[0].read_bytes() == refused[1].read_bytes()
    assert settling.home.json("verify")["passed"] is True


def test_real_sessions_come_out_byte_for_byte_whatever_is_killed(first_real_settled: Settled, tmp_path: Path) -> None:
    plan = moments(random.Random(SEED), KILLS_OF_REAL_SESSIONS, first_real_settled.progress)
    told = f"WATTLEDGER_TEST_KILL_SEED={SEED}, real sessions: {plan}"
    print(told)  # noqa: T201 (shown by pytest when the test fails)
    settling = settle_under_fire(first_real_settled, tmp_path, plan, batch=500)
    assert difference(first_real_settled.out, tmp_path / "out", BYTE_EQUAL) == "", told
    assert settling.home.json("verify")["passed"] is True
