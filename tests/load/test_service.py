"""The service over a real Kafka: a killed one is followed by one that tells the same, and each site has one owner."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from threading import Event
from typing import Any
from uuid import NAMESPACE_URL, uuid4, uuid5

import orjson
import pytest

from consumers.load import SITES_TOPIC, partition_of, steer_sites
from consumers.publisher import Outgoing, publish
from consumers.topics import DEFAULT_PARTITIONS, ensure_topics
from contracts.profiles import PROFILES_TOPIC, REQUESTED
from engine.load.steering import Steering
from ledger.database import Role, connect
from tests.conftest import PROJECT_ROOT
from tests.kafka.reading import Reading, read_new
from tests.load.test_books import answered, limit, started
from tests.support.kafka_clients import variables
from wattledger.settings import ENV_PREFIX

# Other tests run beside these.
_SECONDS_MAX = 180
_TOPIC_OF = {"site": SITES_TOPIC, "charging": "charging.sessions"}


class Watch:
    """How many partitions a member holds."""

    held = 0

    def moves(self, loop: str) -> None:
        """It moves."""

    def add(self, **counts: int) -> None:
        """It counts."""

    def holds(self, partitions: int) -> None:
        """It holds so many."""
        self.held = partitions


class Network:
    """Sites of a test on a broker that others use, too: what is said there, and what their cars are told."""

    def __init__(self, options: dict[str, Any], reading: Reading) -> None:
        self.options, self._reading = options, reading
        self.prefix = uuid4().hex[:8]

    async def say(self, location_id: str, *events: dict[str, Any]) -> None:
        """Publish what is told of a site; ids are those of this test."""
        records = []
        for each in events:
            data = {**each["data"]}
            for name in ("session_id", "operator_id"):
                if name in data:
                    data[name] = self.named(data[name])
            if "location_id" in data:
                data["location_id"] = location_id
            told = {**each, "id": uuid4().hex, "data": data}
            is_answer = each["type"] == "charging.charger.profile_answered"
            topic = "charging.chargers" if is_answer else _TOPIC_OF[each["type"].split(".")[0]]
            key = str(location_id if topic == SITES_TOPIC else data.get("session_id", data.get("evse_uid")))
            records.append(Outgoing(topic, key.encode(), orjson.dumps(told)))
        await publish(self.options, records)

    async def hear_of(self, *names: str) -> dict[str, float]:
        """What each of some sessions is told first, in amperes."""
        found: dict[str, float] = {}
        while len(found) < len(names):
            (each,) = await self.hear(1)
            name = each["session_id"].removeprefix(f"{self.prefix}-")
            if name in names:
                found.setdefault(name, each["limit_a"])
        return found

    def named(self, name: str) -> str:
        """A name that no other test has."""
        return name if name.startswith(self.prefix) else f"{self.prefix}-{name}"

    async def hear(self, count: int) -> list[dict[str, Any]]:
        """The next commands to cars of this test."""
        found: list[dict[str, Any]] = []
        async with asyncio.timeout(_SECONDS_MAX):
            while len(found) < count:
                (record,) = await self._reading.take(1)
                data = record.event["data"]
                if record.event["type"] == REQUESTED and data["session_id"].startswith(self.prefix):
                    found.append(data)
        return found


@pytest.fixture
async def network(kafka_options: dict[str, Any]) -> AsyncIterator[Network]:
    """A network on the broker that tests share."""
    await ensure_topics(kafka_options)
    async with read_new(kafka_options, [PROFILES_TOPIC]) as reading:
        yield Network(kafka_options, reading)


@contextmanager
def process(dsn: str, options: dict[str, Any], group: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command in a process of its own, which is killed in the end."""
    given = {"DATABASE_URL": dsn, "GROUP_ID": group, "DATA_DIR": str(folder), **variables(options)}
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
    with (folder / "load.log").open("ab") as log:
        started_ = subprocess.Popen(
            [sys.executable, "-m", "wattledger.cli", "load", "run", "--clock", "events"],
            cwd=PROJECT_ROOT,
            env=environment | {f"{ENV_PREFIX}{name}": value for name, value in given.items()},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield started_
    finally:
        started_.send_signal(signal.SIGKILL)
        started_.wait()


async def test_a_killed_service_is_followed_by_one_that_tells_the_same_and_goes_on(
    network: Network, database_url: str, tmp_path: Path
) -> None:
    site, group = f"site-{network.prefix}", f"group-{network.prefix}"
    await network.say(site, limit(), started(1, "08:01:00"), started(2, "08:01:00"))
    with process(database_url, network.options, group, tmp_path):
        before = await network.hear(2)
    session = before[0]["session_id"]
    name = f"wattledger:profile:{session}:{before[0]['valid_from']}"
    assert before[0]["command_id"] == str(uuid5(NAMESPACE_URL, name))
    # What it told last may not have left: it is told once more, word for word.
    with process(database_url, network.options, group, tmp_path):
        again = await network.hear(2)
        assert sorted(again, key=_id) == sorted(before, key=_id)
        # It knows what it told, and what it hears now follows from that.
        first, second = sorted(before, key=lambda each: str(each["session_id"]))
        await network.say(site, answered(first, "08:01:02"), answered(second, "08:01:03", "REJECTED"))
        (less,) = await network.hear(1)
    assert (less["session_id"], less["limit_a"]) == (first["session_id"], 8)
    with connect(database_url, Role.AUDITOR) as connection:
        rows = connection.execute("SELECT command_id FROM load.profile ORDER BY 1").fetchall()
    assert [row[0] for row in rows] == sorted({_id(each) for each in (*before, less)})


def _id(command: dict[str, Any]) -> str:
    return str(command["command_id"])


@asynccontextmanager
async def member(dsn: str, network: Network, group: str) -> AsyncIterator[Watch]:
    """A member of the group, in this process, that leaves in order."""
    stop, watch = Event(), Watch()
    task = asyncio.create_task(
        steer_sites(
            network.options,
            lambda: Steering(dsn, by_events=True),
            stop,
            group_id=group,
            watch=watch,
        )
    )
    try:
        yield watch
    finally:
        stop.set()
        await task


async def test_two_instances_share_the_sites_and_one_takes_over_from_the_other(
    network: Network, database_url: str
) -> None:
    group, sites = f"group-{network.prefix}", _sites_of_two_halves(network.prefix)
    async with member(database_url, network, group) as one:
        async with member(database_url, network, group) as other:
            await _until(lambda: one.held == other.held == DEFAULT_PARTITIONS // 2)
            for number, site in enumerate(sites, 1):
                await network.say(site, limit(), started(number, "08:01:00"))
            told = await network.hear(2)
            assert {each["session_id"] for each in told} == {network.named("S1"), network.named("S2")}
            for site, each in zip(sites, sorted(told, key=lambda one: str(one["session_id"])), strict=True):
                await network.say(site, answered(each, "08:01:02"))
            # What cars say comes on another topic than what starts: only what was heard before is before it.
            await _until(lambda: _answers(database_url) == 2)
        # One is left, and goes on with the sites of both.
        for site, before in zip(sites, (1, 2), strict=True):
            await network.say(site, _on_the_other_evse(started(before, "08:02:00")))
        assert await network.hear_of("S1-beside", "S2-beside") == {"S1-beside": 20, "S2-beside": 20}
    with connect(database_url, Role.AUDITOR) as connection:
        rows = connection.execute(
            "SELECT session_id, count(*) FROM load.profile WHERE valid_from < '2026-03-02T08:02:00Z' GROUP BY 1"
        ).fetchall()
    # Nobody was told anything twice by two.
    assert {count for _, count in rows} == {1}


def _answers(dsn: str) -> int:
    """How many profiles were answered, as far as the owners of their sites have heard."""
    with connect(dsn, Role.AUDITOR) as connection:
        row = connection.execute("SELECT count(answer) FROM load.profile").fetchone()
    assert row is not None
    return int(row[0])


def _on_the_other_evse(start: dict[str, Any]) -> dict[str, Any]:
    """Another session, at the EVSE beside that of a start."""
    data = start["data"]
    beside = {"E1": "E2", "E2": "E1"}[data["evse_uid"]]
    return {**start, "data": {**data, "session_id": f"{data['session_id']}-beside", "evse_uid": beside}}


def _sites_of_two_halves(prefix: str) -> Sequence[str]:
    """Two sites, one in the first half of the partitions, which one of two members has, and one in the other."""
    names = [f"site-{prefix}-{number}" for number in range(100)]
    half = DEFAULT_PARTITIONS // 2
    first = next(name for name in names if partition_of(name, DEFAULT_PARTITIONS) < half)
    return first, next(name for name in names if partition_of(name, DEFAULT_PARTITIONS) >= half)


async def _until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(_SECONDS_MAX):
        while not holds():
            await asyncio.sleep(0.05)
