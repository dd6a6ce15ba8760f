"""Sites of the simulated park beside a real load service and a real broker: no limit is exceeded, whoever is killed.

WATTLEDGER_TEST_PARK_KILLS says how often the load service or the broker is killed, WATTLEDGER_TEST_PARK_SEED which
cars and mishaps there are, and WATTLEDGER_TEST_PARK_MINUTES for how long they are watched.
"""

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

import orjson
import pytest
from confluent_kafka import Consumer, TopicPartition

from consumers.park import SITES
from tests.end_to_end.living import Living, living
from tests.end_to_end.running import PROJECT_ROOT
from tests.support.kafka_clients import librdkafka
from tests.support.waiting import wait_until
from wattledger.park.scenarios import SCENARIOS

SEED = int(os.environ.get("WATTLEDGER_TEST_PARK_SEED", "1"))
MINUTES = int(os.environ.get("WATTLEDGER_TEST_PARK_MINUTES", "15"))
KILLS = int(os.environ.get("WATTLEDGER_TEST_PARK_KILLS", "2"))
# A reading of a site every ten seconds of the park.
READINGS_A_MINUTE = 6
_PARK_S = 900.0

Victim: TypeAlias = Literal["load", "kafka"]
Site: TypeAlias = dict[str, Any]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    """Servers, and a load service that goes by the times of messages."""
    with living(tmp_path_factory.mktemp("park")) as made:
        made.start("load")
        yield made


class Park:
    """`wattledger park` in a process of its own."""

    def __init__(self, system: Living, told: Path, *words: str) -> None:
        self._system, self._told = system, told
        with told.open("wb") as out, system.home.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "wattledger.cli", "park", *words, "--json"],
                cwd=PROJECT_ROOT,
                env=system.home.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
            )

    def sites(self) -> dict[str, Site]:
        """What came of each site, by scenario, once the park is closed; the status says whether all held."""
        status = self.process.wait(_PARK_S)
        documents = orjson.loads(self._told.read_bytes())
        assert status == int(not all(each["held"] for each in documents))
        return {each["location_id"].rpartition("-")[2].lower(): each for each in documents}


@contextmanager
def open_park(system: Living, folder: Path, *scenarios: str, minutes: int, seed: int = SEED) -> Iterator[Park]:
    """A park, which is closed with the block at the latest."""
    park = Park(system, folder / "park.json", *scenarios, "--minutes", str(minutes), "--seed", str(seed))
    try:
        yield park
    finally:
        park.process.kill()
        park.process.wait()


def readings(system: Living) -> int:
    """How many messages of sites there are; none while the broker is away."""
    consumer = Consumer(librdkafka(system.options, group_id="test", socket_timeout_ms=2_000))
    try:
        homes = [TopicPartition(SITES, number) for number in range(6)]
        return sum(consumer.get_watermark_offsets(home, timeout=2)[1] for home in homes)
    finally:
        consumer.close()


def held(site: Site) -> None:
    """No limit was exceeded, though cars wanted more than there was, and what there was is used."""
    assert site["readings_over"] == []
    assert site["quarters_over"] == []
    assert site["quarters"] >= 1
    assert site["pressed"] > site["readings"] // 2
    assert site["within_30_s"] < site["readings"] * 2 // 3
    assert site["used_percent"] > 75


@pytest.fixture(scope="module")
def sites(system: Living, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Site]:
    """All scenarios, side by side."""
    with open_park(system, tmp_path_factory.mktemp("sites"), minutes=MINUTES) as park:
        return park.sites()


@pytest.mark.parametrize("scenario", list(SCENARIOS))
def test_the_metered_load_is_below_every_limit_in_each_quarter_and_thirty_seconds_after_a_change(
    sites: dict[str, Site], scenario: str
) -> None:
    held(sites[scenario])


def test_chargers_were_as_faulty_as_they_were_planned(sites: dict[str, Site]) -> None:
    assert {*sites["faulty"]["answers"]} & {"REJECTED", "TIMEOUT", "none"}
    assert {name for each in SCENARIOS if each != "faulty" for name in sites[each]["answers"]} == {"ACCEPTED"}


def test_no_limit_is_exceeded_while_service_and_broker_are_killed_and_started_again(
    system: Living, tmp_path: Path, record_property: Any
) -> None:
    drawn = random.Random(SEED)
    minutes = max(15, 5 * KILLS)
    scenarios = ("ordinary", "nested")
    victims: list[Victim] = [("load", "kafka")[number % 2] for number in range(KILLS)]
    first = readings(system)
    with open_park(system, tmp_path, *scenarios, minutes=minutes) as park:
        for number, victim in enumerate(victims):
            # Each in a part of the time of its own.
            minute = minutes * (number + drawn.uniform(0.2, 0.8)) / KILLS
            wanted = first + int(minute * READINGS_A_MINUTE * len(scenarios))
            wait_until(partial(_has_come_to, system, park, wanted), _PARK_S)
            assert park.process.poll() is None
            system.kill(victim)
            system.revive(victim)
        found = park.sites()
    for site in found.values():
        held(site)
    for victim in ("load", "kafka"):
        record_property(f"tries kill -9 of {victim} beside the park", victims.count(victim))


def _has_come_to(system: Living, park: Park, wanted: int) -> bool:
    return park.process.poll() is not None or readings(system) >= wanted
