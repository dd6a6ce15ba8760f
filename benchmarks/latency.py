"""Measures how long after it was produced an event is visible in its operator's balance, in a live system.

The system is `wattledger up` as anybody runs it, at 1,000 events a second. Two balances are looked at: the book's,
which moves with the entries, and the projection's, which follows.
"""

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
from aiokafka import AIOKafkaProducer

from benchmarks.end_to_end import WrongOutcome
from benchmarks.figures import Figure, figures
from benchmarks.live_load import EVENTS_PER_SECOND, LiveLoad, live_load
from benchmarks.positions import read_from_the_end
from benchmarks.stage import Stage
from projections.schema import migrate
from tests.support.kafka_clients import variables

_SECONDS, _SECONDS_OF_A_SMALL_RUN, _SMALL = 20.0, 3.0, 50_000
_LOOK_SECONDS = 0.01
_PATIENCE_SECONDS = 120
_LINGER_MS = 2

_IN_BOOK = """
SELECT DISTINCT split_part(account, '/', 2) FROM book.balance
WHERE account = ANY(SELECT code || '/' || name FROM unnest('{2010,2011}'::text[]) AS code, unnest(%s::text[]) AS name)
"""
_IN_PROJECTION = "SELECT DISTINCT operator_id FROM projection.operator_balances WHERE operator_id = ANY(%s)"
_ACCEPTED = "SELECT coalesce(sum(accepted), 0)::bigint FROM intake.tally"


def measure(stage: Stage, rounds: int, report: Callable[[str], None]) -> list[Figure]:
    """Milliseconds from the call that produces an event until a look finds it; looks are 10 ms apart."""
    seconds = _SECONDS_OF_A_SMALL_RUN if stage.wanted < _SMALL else _SECONDS
    times, paces = [], []
    for number in range(1, rounds + 1):
        report(f"round {number} of {rounds}: {seconds:.0f} s at {EVENTS_PER_SECOND:,} events a second")
        with stage.database() as dsn:
            migrate(dsn)
            read_from_the_end(dsn, stage.ends())
            with _system(dsn, stage.kafka):
                pace, found = _round(dsn, stage.kafka, live_load(seconds, f"V{number}"))
        times.append([(f"{name}, {q}", value) for name, ms in found.items() for q, value in _summary(ms)])
        paces.append([("produced", pace)])
    return [*figures("ms", times), *figures("events/s", paces)]


def _summary(milliseconds: list[float]) -> list[tuple[str, float]]:
    parts = quantiles(milliseconds, n=100, method="inclusive")
    return [("p50", parts[49]), ("p99", parts[98]), ("slowest", max(milliseconds))]


@contextmanager
def _system(dsn: str, kafka: Mapping[str, Any]) -> Iterator[None]:
    """`wattledger up` on these services."""
    with TemporaryDirectory(prefix="wattledger-live-") as folder:
        environment = os.environ | {
            "WATTLEDGER_DATABASE_URL": dsn,
            **{f"WATTLEDGER_{name}": value for name, value in variables(kafka).items()},
            "WATTLEDGER_GROUP_ID": Path(folder).name,
            "WATTLEDGER_DATA_DIR": folder,
            "WATTLEDGER_LOG_LEVEL": "WARNING",
        }
        process = subprocess.Popen([sys.executable, "-m", "wattledger.cli", "up"], env=environment)
        try:
            yield
        finally:
            process.terminate()
            process.wait(_PATIENCE_SECONDS)


def _round(dsn: str, kafka: Mapping[str, Any], load: LiveLoad) -> tuple[float, dict[str, list[float]]]:
    asyncio.run(_publish_catalogue(kafka, load))
    _await_accepted(dsn, len(load.catalogue))
    produced: dict[str, float] = {}
    watches = {
        "in the book": _Watch(dsn, _IN_BOOK, load.watched),
        "in the projection": _Watch(dsn, _IN_PROJECTION, load.watched),
    }
    for watch in watches.values():
        watch.start()
    pace = asyncio.run(_produce(kafka, load, produced))
    for name, watch in watches.items():
        watch.join(_PATIENCE_SECONDS)
        if watch.missing:
            raise WrongOutcome(f"{len(watch.missing)} of {len(produced)} operators never appeared {name}")
    found = {
        name: [(watch.seen[operator] - at) * 1000 for operator, at in produced.items()]
        for name, watch in watches.items()
    }
    return pace, found


class _Watch(threading.Thread):
    """Looks for operators, again and again, until each was seen once."""

    def __init__(self, dsn: str, query: str, operators: list[str]) -> None:
        super().__init__(daemon=True)
        self._dsn, self._query = dsn, query.encode()
        self.missing = set(operators)
        self.seen: dict[str, float] = {}

    def run(self) -> None:
        """Until nothing is missing, or for as long as the patience lasts."""
        deadline = time.monotonic() + 2 * _PATIENCE_SECONDS
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            while self.missing and time.monotonic() < deadline:
                found = {row[0] for row in connection.execute(self._query, (list(self.missing),))}
                at = time.monotonic()
                self.seen |= dict.fromkeys(found, at)
                self.missing -= found
                time.sleep(_LOOK_SECONDS)


async def _publish_catalogue(kafka: Mapping[str, Any], load: LiveLoad) -> None:
    producer = AIOKafkaProducer(**kafka, enable_idempotence=True, acks="all")
    async with producer:
        for topic, key, value in load.catalogue:
            await producer.send(topic, value, key)


async def _produce(kafka: Mapping[str, Any], load: LiveLoad, produced: dict[str, float]) -> float:
    """Send each message when it is due; events a second that were sent while all sessions overlapped."""
    steady = [due for due in load.messages if load.steady_from_s <= due.after_s < load.steady_to_s]
    passed: list[float] = []
    producer = AIOKafkaProducer(**kafka, enable_idempotence=True, acks="all", linger_ms=_LINGER_MS)
    async with producer:
        began = time.monotonic()
        for due in load.messages:
            wait = began + due.after_s - time.monotonic()
            if wait > 0:
                await asyncio.sleep(wait)
            if due.watched:
                produced[due.watched] = time.monotonic()
            await producer.send(due.topic, due.value, due.key)
            if due is steady[0] or due is steady[-1]:
                passed.append(time.monotonic())
    return len(steady) / (passed[-1] - passed[0])


def _await_accepted(dsn: str, events: int) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    with psycopg.connect(dsn, autocommit=True) as connection:
        while (connection.execute(_ACCEPTED).fetchone() or (0,))[0] < events:
            if time.monotonic() > deadline:
                raise WrongOutcome("the live system did not take in its catalogue: see what it wrote")
            time.sleep(_LOOK_SECONDS)
