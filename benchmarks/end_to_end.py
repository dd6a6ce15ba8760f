"""End to end: from topics full of events to a caught-up ledger and caught-up projections."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from benchmarks.processor_time import ProcessorTime, processor_time
from benchmarks.stage import Stage
from consumers.intake import Intake
from consumers.run import run_until_caught_up
from ledger.clock import Clock
from ledger.migrate import migrate
from projections.runner import catch_up

_ROWS = """
SELECT (SELECT count(*) FROM intake.message), (SELECT count(*) FROM event_store.stored_events),
       (SELECT count(*) FROM book.entry), (SELECT count(*) FROM book.posting),
       (SELECT count(*) FROM projection.cdrs), (SELECT count(*) FROM projection.payouts),
       (SELECT coalesce(sum(octet_length(state)), 0)::bigint FROM event_store.stored_events)
"""
_OUTCOME = """
SELECT (SELECT coalesce(sum(accepted), 0)::bigint FROM intake.tally),
       (SELECT count(*) FROM projection.sessions WHERE state <> 'RATED')
"""


class WrongOutcome(Exception):
    """The engine did not do what was measured, so that the figure would mean nothing."""


@dataclass(frozen=True, slots=True)
class RowsWritten:
    """How many rows of each kind a round wrote, and the bytes of all its events."""

    keys: int
    events: int
    entries: int
    postings: int
    cdrs: int
    payouts: int
    event_bytes: int


@dataclass(frozen=True, slots=True)
class EndToEnd:
    """One round: seconds by phase, processor time by who spent it, and the rows that were written."""

    events: int
    phase_s: dict[str, float]
    spent: ProcessorTime
    rows: RowsWritten

    @property
    def seconds(self) -> float:
        """From the first fetch to the last projected row."""
        return sum(self.phase_s.values())

    @property
    def events_per_second(self) -> float:
        """Events in the topics by the whole time."""
        return self.events / self.seconds


def run(stage: Stage) -> EndToEnd:
    """Take everything in, move the clock to the last event time and project, on a fresh database.

    Raises WrongOutcome when events were refused or sessions not rated.
    """
    with stage.database() as dsn:
        migrate(dsn)
        before = processor_time()
        phase_s: dict[str, float] = {}
        with _timed(phase_s, "intake"), _open_intake(dsn) as make:
            run_until_caught_up(stage.kafka, make, group_id=stage.group())
        with _timed(phase_s, "clock"):
            _advance(dsn)
        with _timed(phase_s, "projections"):
            catch_up(dsn)
        spent = processor_time() - before
        return EndToEnd(stage.events, phase_s, spent, _check(dsn, stage.events))


@contextmanager
def _timed(phase_s: dict[str, float], name: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    phase_s[name] = time.perf_counter() - began


@contextmanager
def _open_intake(dsn: str) -> Iterator[Callable[[], Intake]]:
    intake = Intake(dsn)
    try:
        yield lambda: intake
    finally:
        intake.close()


def _advance(dsn: str) -> None:
    clock = Clock(dsn)
    try:
        moment = clock.event_time()
        if moment is not None:
            clock.advance(moment)
    finally:
        clock.close()


def _check(dsn: str, events: int) -> RowsWritten:
    with psycopg.connect(dsn) as connection:
        accepted, unrated = connection.execute(_OUTCOME).fetchone() or (0, 0)
        rows = RowsWritten(*(connection.execute(_ROWS).fetchone() or ()))
    if accepted != events or unrated:
        raise WrongOutcome(
            f"{accepted} of {events} events were accepted and {unrated} sessions are not rated: mend the engine or "
            "the events before measuring"
        )
    return rows
