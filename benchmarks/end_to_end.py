"""End to end: from topics full of events to a caught-up ledger and caught-up projections."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from benchmarks.processor_time import ProcessorTime, processor_time
from consumers.intake import Intake
from consumers.run import run_until_caught_up
from ledger.clock import Clock
from projections.runner import catch_up

_ROWS = """
SELECT (SELECT count(*) FROM intake.message), (SELECT count(*) FROM event_store.stored_events),
       (SELECT count(*) FROM book.entry), (SELECT count(*) FROM book.posting),
       (SELECT count(*) FROM projection.cdrs), (SELECT count(*) FROM projection.payouts)
"""
_ACCEPTED = "SELECT coalesce(sum(accepted), 0)::bigint FROM intake.tally"
_UNRATED = "SELECT count(*) FROM projection.sessions WHERE state <> 'RATED'"


class WrongOutcome(Exception):
    """The engine did not do what was measured, so that the figure would mean nothing."""


@dataclass(frozen=True, slots=True)
class RowsWritten:
    """How many rows of each kind a round wrote."""

    keys: int
    events: int
    entries: int
    postings: int
    cdrs: int
    payouts: int


@dataclass(frozen=True, slots=True)
class EndToEnd:
    """One round: seconds by phase, and processor time by who spent it."""

    events: int
    phase_s: dict[str, float]
    spent: ProcessorTime

    @property
    def seconds(self) -> float:
        """From the first fetch to the last projected row."""
        return sum(self.phase_s.values())

    @property
    def events_per_second(self) -> float:
        """Events in the topics by the whole time."""
        return self.events / self.seconds


def run(dsn: str, kafka: Mapping[str, Any], group: str, events: int) -> EndToEnd:
    """Take everything in, move the clock to the last event time and project, on a migrated database.

    `events` is how many there are to be taken in. Raises WrongOutcome when some were refused or sessions not rated.
    """
    accepted, before = _number(dsn, _ACCEPTED), processor_time()
    phase_s: dict[str, float] = {}
    with _timed(phase_s, "intake"), _open_intake(dsn) as make:
        run_until_caught_up(kafka, make, group_id=group)
    with _timed(phase_s, "clock"):
        _advance(dsn)
    with _timed(phase_s, "projections"):
        catch_up(dsn)
    spent = processor_time() - before
    check(dsn, accepted + events)
    return EndToEnd(events, phase_s, spent)


def check(dsn: str, accepted: int) -> None:
    """Raises WrongOutcome unless so many events were accepted in all, and every session is rated."""
    found, unrated = _number(dsn, _ACCEPTED), _number(dsn, _UNRATED)
    if found != accepted or unrated:
        raise WrongOutcome(
            f"{found} of {accepted} events were accepted and {unrated} sessions are not rated: mend the engine or "
            "the events before measuring"
        )


def rows_written(dsn: str) -> RowsWritten:
    """What a database holds."""
    with psycopg.connect(dsn) as connection:
        return RowsWritten(*(connection.execute(_ROWS).fetchone() or ()))


def _number(dsn: str, query: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(query.encode()).fetchone()
        return int(row[0]) if row else 0


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
