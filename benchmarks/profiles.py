"""Measures how long after a session's start on Kafka its car's limit is there, at many sites of many cars.

The service is `wattledger load run` as anybody runs it. Cars come and go, chargers answer all that they are told, and
readings of cars and sites come all the time. Both moments are Kafka's: of the record that says the start, and of the
first record that says the limit.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.end_to_end import WrongOutcome
from benchmarks.figures import Figure, figures
from benchmarks.stage import Stage
from contracts.profiles import PROFILES_TOPIC, REQUESTED
from contracts.values import format_time
from projections.schema import migrate
from tests.support.kafka_clients import variables

SITES, CARS = 100, 50
_SMALL, _SITES_OF_A_SMALL_RUN, _CARS_OF_A_SMALL_RUN = 50_000, 10, 10
_SECONDS, _SECONDS_OF_A_SMALL_RUN = 30.0, 3.0
# Of all sites and all cars together: starts (each after an end), readings of cars, readings of sites.
_STARTS_A_SECOND, _READINGS_A_SECOND, _MEASURES_A_SECOND = 10, 300, 20
_PATIENCE_S = 120.0
_LIMIT_A, _REGISTER_WH = 8, 1_000


def measure(stage: Stage, rounds: int, report: Callable[[str], None]) -> list[Figure]:
    """Milliseconds from a start to the limit of its session."""
    is_small = stage.wanted < _SMALL
    sites, cars = (_SITES_OF_A_SMALL_RUN, _CARS_OF_A_SMALL_RUN) if is_small else (SITES, CARS)
    seconds = _SECONDS_OF_A_SMALL_RUN if is_small else _SECONDS
    found = []
    for number in range(1, rounds + 1):
        report(f"round {number} of {rounds}: {seconds:.0f} s at {sites} sites of {cars} cars")
        with stage.database() as dsn:
            migrate(dsn)
            with _service(dsn, stage.kafka):
                found.append(asyncio.run(_measured(stage.kafka, sites, cars, seconds)))
    parts = [quantiles(each, n=100, method="inclusive") for each in found]
    summaries = zip(parts, found, strict=True)
    return figures("ms", [[("p50", part[49]), ("p99", part[98]), ("slowest", max(all_))] for part, all_ in summaries])


async def _measured(kafka: Mapping[str, Any], sites: int, cars: int, seconds: float) -> Sequence[float]:
    return await _Yard(kafka, sites, cars).run(seconds)


@contextmanager
def _service(dsn: str, kafka: Mapping[str, Any]) -> Iterator[None]:
    """`wattledger load run` on these services."""
    with TemporaryDirectory(prefix="wattledger-load-") as folder:
        environment = os.environ | {
            "WATTLEDGER_DATABASE_URL": dsn,
            **{f"WATTLEDGER_{name}": value for name, value in variables(kafka).items()},
            "WATTLEDGER_GROUP_ID": Path(folder).name,
            "WATTLEDGER_DATA_DIR": folder,
            "WATTLEDGER_LOG_LEVEL": "WARNING",
        }
        process = subprocess.Popen([sys.executable, "-m", "wattledger.cli", "load", "run"], env=environment)
        try:
            yield
        finally:
            process.terminate()
            process.wait()


class _Yard:
    """Sites full of cars, on Kafka."""

    def __init__(self, kafka: Mapping[str, Any], sites: int, cars: int) -> None:
        self._kafka, self._cars = kafka, cars
        self._mark = uuid4().hex[:8]
        self._sites = [f"{self._mark}-{number}" for number in range(sites)]
        self._plugged: list[tuple[str, str, int]] = []
        self._started: dict[str, int] = {}
        self._told: dict[str, int] = {}
        self._number = 0
        self._producer = AIOKafkaProducer(**kafka, linger_ms=2)

    async def run(self, seconds: float) -> Sequence[float]:
        """The times of those that started while it was measured."""
        consumer = AIOKafkaConsumer(PROFILES_TOPIC, **self._kafka)
        await self._producer.start()
        await consumer.start()
        answers = asyncio.create_task(self._answer(consumer))
        try:
            await self._fill()
            self._started.clear()
            await self._go_on(seconds)
            started = {**self._started}
            await self._all_are_told(started.keys())
        finally:
            answers.cancel()
            await asyncio.gather(answers, return_exceptions=True)
            await consumer.stop()
            await self._producer.stop()
        return [float(max(self._told[session_id] - at, 0)) for session_id, at in started.items()]

    async def _fill(self) -> None:
        """A car at each EVSE of each site, and then limits: before them nobody is told anything."""
        for place in range(self._cars):
            for site in self._sites:
                await self._plug(site, place)
        for site in self._sites:
            evses = [{"evse_uid": f"{site}-{place}", "phases": 3} for place in range(self._cars)]
            circuit = {"circuit_id": "site", "max_a": self._cars * _LIMIT_A, "evse_uids": evses}
            data = {
                "operator_id": "OP",
                "location_id": site,
                "effective_from": _now(),
                "circuits": [circuit],
                "mode": "MAX_MIN",
                "reason": "GRID",
            }
            await self._say("sites", site, "site.limit_set", data)
        await self._all_are_told({session_id for session_id, _, _ in self._plugged})

    async def _go_on(self, seconds: float) -> None:
        """Cars come and go, and are read, at a steady pace."""
        begun, done = time.monotonic(), [0, 0, 0]
        paces = (_STARTS_A_SECOND, _READINGS_A_SECOND, _MEASURES_A_SECOND)
        acts = (self._replace, self._read, self._measure)
        while (passed := time.monotonic() - begun) < seconds:
            for kind, (pace, act) in enumerate(zip(paces, acts, strict=True)):
                while done[kind] < passed * pace:
                    await act(done[kind])
                    done[kind] += 1
            await asyncio.sleep(0.005)

    async def _replace(self, _: int) -> None:
        # Who is there for longest leaves: the next one is at another site.
        session_id, site, place = self._plugged.pop(0)
        data = {"session_id": session_id, "ended_at": _now(), "meter_stop_wh": _REGISTER_WH, "reason": "LEFT"}
        await self._say("charging.sessions", session_id, "charging.session.ended", data)
        await self._plug(site, place)

    async def _read(self, number: int) -> None:
        session_id, _, _ = self._plugged[number * 41 % len(self._plugged)]
        data = {"session_id": session_id, "read_at": _now(), "register_wh": _REGISTER_WH, "current_a": _LIMIT_A}
        await self._say("charging.sessions", session_id, "charging.session.metered", data)

    async def _measure(self, number: int) -> None:
        site = self._sites[number % len(self._sites)]
        data = {"operator_id": "OP", "location_id": site, "read_at": _now(), "import_wh": _REGISTER_WH}
        await self._say("sites", site, "site.load_measured", data | {"phase_a": [0, 0, 0]})

    async def _plug(self, site: str, place: int) -> None:
        self._number += 1
        session_id = f"{self._mark}-S{self._number}"
        data = {
            "session_id": session_id,
            "operator_id": "OP",
            "location_id": site,
            "evse_uid": f"{site}-{place}",
            "connector_id": "1",
            "started_at": _now(),
            "meter_start_wh": _REGISTER_WH,
            "tariff_id": "T",
            "auth_method": "WHITELIST",
        }
        self._started[session_id] = await self._say("charging.sessions", session_id, "charging.session.started", data)
        self._plugged.append((session_id, site, place))

    async def _answer(self, consumer: AIOKafkaConsumer) -> None:
        """Accept all that is told, and note when."""
        async for record in consumer:
            event = orjson.loads(record.value)
            data = event["data"]
            if event["type"] == REQUESTED:
                self._told.setdefault(data["session_id"], record.timestamp)
            answer = {
                "command_id": data["command_id"],
                "evse_uid": data["evse_uid"],
                "at": _now(),
                "status": "ACCEPTED",
            }
            await self._say("charging.chargers", data["evse_uid"], "charging.charger.profile_answered", answer)

    async def _say(self, topic: str, key: str, type_: str, data: Mapping[str, Any]) -> int:
        """Publish an event; the moment of its record in Kafka, in milliseconds."""
        event = {"specversion": "1.0", "id": uuid4().hex, "source": "urn:bench", "type": type_, "subject": key}
        at = time.time_ns() // 1_000_000
        value = orjson.dumps(event | {"time": _now(), "data": data})
        await self._producer.send(topic, value, key.encode(), timestamp_ms=at)
        return at

    async def _all_are_told(self, session_ids: Collection[str]) -> None:
        deadline = time.monotonic() + _PATIENCE_S
        while missing := [each for each in session_ids if each not in self._told]:
            if time.monotonic() > deadline:
                raise WrongOutcome(f"{len(missing):,} cars were told nothing in {_PATIENCE_S:.0f} s")
            await asyncio.sleep(0.05)


def _now() -> str:
    return format_time(datetime.now(UTC))
