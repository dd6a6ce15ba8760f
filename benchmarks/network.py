"""Measures the read model of the network: catching up, the second of two equal histories, and its queries."""

import time
from collections.abc import Callable
from datetime import timedelta
from statistics import median
from typing import Any

from psycopg import Cursor
from psycopg.rows import TupleRow

from benchmarks.figures import Figure, figures
from benchmarks.network_history import BEGIN, write_history, write_sites
from benchmarks.stage import Stage
from ledger.database import Role, connect
from projections.documents.load import load_document, peak_document
from projections.network.asked import Asked
from projections.network.load import By, peaks, quarters, sums
from projections.runner import catch_up
from projections.schema import migrate

_TIMES = 5
# What is asked of a month: each with what it is called.
_MONTH = Asked(since=BEGIN.date(), until=(BEGIN + timedelta(days=30)).date())
_QUERIES: dict[str, Callable[[Cursor[TupleRow]], Any]] = {
    "load by site": lambda cursor: [load_document(each) for each in sums(cursor, _MONTH, By.SITE)],
    "load by day": lambda cursor: [load_document(each) for each in sums(cursor, _MONTH, By.DAY)],
    "peaks": lambda cursor: [peak_document(each) for each in peaks(cursor, _MONTH, None)],
    "a page of quarter hours": lambda cursor: [load_document(each) for each in quarters(cursor, _MONTH, 200)],
}


def measure(stage: Stage, rounds: int, report: Callable[[str], None], events: int) -> list[Figure]:
    """Events a second of two histories of so many events each, one behind the other; queries of a month in ms."""
    speeds, waits = [], []
    for number in range(1, rounds + 1):
        with stage.database() as dsn:
            migrate(dsn)
            with connect(dsn, Role.WRITER, autocommit=True) as writer:
                write_sites(writer)
                last = write_history(writer, events)
                report(f"round {number} of {rounds}: the first {events:,} events are written")
                first_s = _caught_up(dsn)
                write_history(writer, events, last, "again")
                second_s = _caught_up(dsn)
            waits.append(list(_waits(dsn)))
        of_both = [("first half", events / first_s), ("second half", events / second_s)]
        speeds.append([(f"catching up, {name}", rate) for name, rate in of_both])
        report(f"{events / first_s:,.0f} and {events / second_s:,.0f} events a second")
    growth = tuple(first[1] / second[1] for first, second in speeds)
    return [
        *figures("events/s", speeds),
        Figure("time of the second half to the first", "", growth),
        *figures("ms", waits),
    ]


def _caught_up(dsn: str) -> float:
    began = time.perf_counter()
    catch_up(dsn, ["network"])
    return time.perf_counter() - began


def _waits(dsn: str) -> list[tuple[str, float]]:
    """How long each query takes in the middle, in ms."""
    found = []
    with connect(dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        for name, ask in _QUERIES.items():
            times = []
            for _ in range(_TIMES):
                began = time.perf_counter()
                ask(cursor)
                times.append((time.perf_counter() - began) * 1000)
            found.append((f"a month, {name}", median(times)))
    return found
