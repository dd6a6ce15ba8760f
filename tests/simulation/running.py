"""A seed from beginning to end: the disturbed run, and whether its files are those of the undisturbed one."""

import asyncio
import tempfile
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import psycopg

from engine.clock import Clock
from engine.intake import Intake
from engine.ports import Record
from engine.working_set import WorkingSet
from ledger.audit.audit import verify
from projections.export import export
from tests.end_to_end.comparing import MENDING_APART, difference
from tests.oracle.drive import PLATFORM
from tests.simulation.actors import BreakingIntake
from tests.simulation.plan import History, Plan
from tests.simulation.world import World
from tests.support.decisions import KEYRING

_TOPIC = "undisturbed"
# What has no id is another dead letter wherever it comes again.
_LETTERS = """
SELECT DISTINCT code, event_source, event_id, encode(record_value, 'escape')
FROM intake.deadletter ORDER BY 1, 2, 3, 4
"""
_EVENTS = """
SELECT originator_id::text, originator_version, topic, md5(state)
FROM event_store.stored_events ORDER BY notification_id
"""


class Stores(Protocol):
    """Lends empty stores."""

    def __call__(self) -> AbstractContextManager[str]:
        """One for as long as a block runs, by its DSN."""
        ...


@dataclass(frozen=True)
class Outcome:
    """How a seed went: `fault` is empty where nothing was wrong; `digest` is the hash of its trace and its events."""

    plan: Plan
    fault: str
    trace: tuple[str, ...]
    digest: str
    steps: int
    accidents: int


@dataclass
class Runner:
    """Runs seeds on stores; an undisturbed run is made once for the seeds that disturb it."""

    stores: Stores
    folder: Path
    with_verify: bool = True
    _undisturbed: dict[History, tuple[Path, list[Any]]] = field(default_factory=dict)

    def run(self, plan: Plan) -> Outcome:
        """What became of a plan."""
        expected, letters = self._expected(plan.history)
        with self.stores() as dsn, tempfile.TemporaryDirectory(dir=self.folder) as folder:
            world = World(dsn, plan)
            try:
                asyncio.run(world.run())
                fault = self._judge(dsn, expected, Path(folder), letters)
            except AssertionError as error:
                fault = str(error) or repr(error)
            except Exception as error:  # Nothing that a part raises is anything else than a fault of it.
                fault = f"{type(error).__name__}: {error}"
            digest = sha256(f"{world.digest} {_rows(dsn, _EVENTS)}".encode()).hexdigest()
        return Outcome(plan, fault, tuple(world.trace), digest, world.chaos.steps, len(world.chaos.happened))

    def _judge(self, dsn: str, expected: Path, out: Path, letters: list[Any]) -> str:
        export(dsn, out, PLATFORM)
        if found := difference(expected, out, MENDING_APART):
            return f"the result is not that of the undisturbed run: {found}"
        if differing := set(_rows(dsn, _LETTERS)) ^ set(letters):
            return f"the dead letters are not those of the undisturbed run, first: {min(differing, key=repr)}"
        if self.with_verify:
            report = verify(dsn)
            if not report.passed:
                return f"verify: {[check for check in report.checks if check.findings]}"[:2_000]
        return ""

    def _expected(self, told: History) -> tuple[Path, list[Any]]:
        if told not in self._undisturbed:
            # Seeds come in their order, so that one history is enough to keep.
            self._undisturbed.clear()
            out = Path(tempfile.mkdtemp(dir=self.folder))
            with self.stores() as dsn:
                _settle(dsn, told)
                export(dsn, out, PLATFORM)
                self._undisturbed[told] = out, _rows(dsn, _LETTERS)
        return self._undisturbed[told]


def _settle(dsn: str, told: History) -> None:
    """Everything in order and at once, phase by phase."""
    working_set = WorkingSet.of(dsn, cover_rule=told.cover_rule, decision_keys=KEYRING)
    now = told.phases[0].until
    intake, clock = Intake(working_set, lambda: now), Clock(working_set)
    breaking, home, offset = BreakingIntake(intake, told.breaking), (_TOPIC, 0), 0
    try:
        epochs = {home: breaking.claim([home])[home].epoch}
        for phase in told.phases:
            now = phase.until
            good = [record for record in phase.records if record.value not in told.breaking]
            bad = [record for record in phase.records if record.value in told.breaking]
            records = [Record(*home, at, r.key, r.value) for at, r in enumerate((*good, *bad), offset)]
            offset += len(records)
            breaking.process(records[: len(good)], epochs)
            for record in records[len(good) :]:
                breaking.quarantine(record, ValueError("it breaks the engine"), epochs)
            clock.advance(phase.until)
    finally:
        intake.close()
        clock.close()


def _rows(dsn: str, query: str) -> list[Any]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query.encode()).fetchall()
