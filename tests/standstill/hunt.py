"""One run: messages are published while parts are killed and frozen; then all has to be done within a limit."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import orjson

from tests.standstill.system import System, do
from tests.support.histories import history

# From the last mishap until everything is done. Two minutes are what a command waits for a server that is away.
LIMIT_S = 120.0
_LOOK_S = 0.2
_SESSIONS = 6


@dataclass(frozen=True, slots=True)
class Run:
    """How a run went: what was done to whom, how long the rest took, and what stood still, if anything did."""

    seed: int
    deeds: tuple[str, ...]
    seconds: float
    standstill: str = ""


class Hunt:
    """Runs one after another on one system, which is started again where it was killed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.system = System(folder / "home")

    def run(self, seed: int) -> Run:
        """One run, drawn from a seed; the moments depend on the machine too."""
        random = Random(seed)
        for process in self.system.processes().values():
            do("let go on", process)
        if not self.system.await_pieces():
            return Run(seed, (), 0.0, f"the system does not come up\n{self.system.stacks()}")
        events = self._folder / f"events-{seed}.jsonl"
        told = history(random, _SESSIONS)
        lines = [orjson.dumps(event).replace(b'"S-', b'"S%d-' % seed) for event in told]
        events.write_bytes(b"".join(line + b"\n" for line in lines))
        taken = self.system.records_taken()
        publishing = self.system.home.start("publish", str(events))
        deeds = list(self._disturb(random))
        began = time.monotonic()
        # Every record counts once, however often it was published.
        wanted = max(taken, 0) + len(lines)
        while time.monotonic() - began < LIMIT_S:
            self.system.keep_up()
            if publishing.poll() not in (None, 0):
                # Whoever is told that the broker was away publishes again.
                publishing = self.system.home.start("publish", str(events))
            if publishing.poll() == 0 and self.system.records_taken() >= wanted and self.system.left() == 0:
                return Run(seed, tuple(deeds), time.monotonic() - began)
            time.sleep(_LOOK_S)
        told_of = (
            f"published: {publishing.poll()}; {self.system.records_taken()} of {wanted} records; "
            f"{self.system.left()} left\n{self.system.stacks()}"
        )
        publishing.kill()
        publishing.wait()
        return Run(seed, tuple(deeds), time.monotonic() - began, told_of)

    def _disturb(self, random: Random) -> Iterator[str]:
        """Some mishaps, a moment apart; whatever was frozen goes on or is killed in the end, but for a consumer."""
        for _ in range(random.randint(1, 4)):
            time.sleep(random.uniform(0, 2))
            running = self.system.processes()
            if not running:
                self.system.keep_up()
                continue
            name = random.choice(sorted(running))
            if random.randrange(2):
                do("kill", running[name])
                yield f"kill {name}"
                continue
            seconds = random.uniform(0.2, 8)
            do("freeze", running[name])
            time.sleep(seconds)
            if name.startswith("consume") and random.randrange(2):
                yield f"freeze {name} for good"
                continue
            deed = random.choice(("kill", "let go on"))
            do(deed, running[name])
            yield f"freeze {name} for {seconds:.1f} s, {deed}"

    def end(self) -> None:
        """Nothing of the system is left."""
        self.system.end()
