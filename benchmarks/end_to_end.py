"""End to end: from topics full of events to a caught-up ledger and caught-up projections."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from benchmarks.processor_time import ProcessorTime, processor_time
from wattledger.crew import Crew
from wattledger.portions import Consume
from wattledger.settings import KafkaLogin, load_settings
from wattledger.store import Store
from wattledger.verbs import advance_clock, consume_all, project_all

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


def run(dsn: str, kafka: Mapping[str, Any], group: str, events: int, processes: int | None = None) -> EndToEnd:
    """Take everything in, move the clock to the last event time and project, as `settle` does.

    The database is migrated; `events` is how many there are to be taken in, `processes` how many may share the work
    (by default as the settings say). Those are there when the clock starts, as in a live system, and in `settle`,
    which starts them while it publishes; connecting to broker and database is a part of the time. Raises
    WrongOutcome when events were refused or sessions not rated.
    """
    accepted = _number(dsn, _ACCEPTED)
    phase_s: dict[str, float] = {}
    # By the settings too, from which the processes that share the work are let in.
    login = KafkaLogin(kafka["sasl_plain_username"], kafka["sasl_plain_password"], kafka["sasl_mechanism"])
    store = Store(dsn, dict(kafka), load_settings(group_id=group, processes=processes).let_in(login))
    with Crew(store) as crew:
        crew.do([Consume(())] * store.settings.processes, "getting ready", _tell_nobody)
        before = processor_time()
        with _timed(phase_s, "intake"):
            consume_all(crew, _tell_nobody)
        with _timed(phase_s, "clock"):
            advance_clock(crew, None, _tell_nobody)
        with _timed(phase_s, "projections"):
            project_all(crew, _tell_nobody)
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


def _tell_nobody(_stage: str, _done: int, _total: int | None) -> None:
    """What is measured is watched by nobody."""
