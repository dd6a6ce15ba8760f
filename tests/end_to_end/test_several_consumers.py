"""Consumers that share the work in a group, one of them killed on the way, leave the files that one leaves."""

import asyncio
import signal
from pathlib import Path
from typing import Any

import orjson
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from tests.end_to_end.comparing import MENDING_APART, difference
from tests.end_to_end.conftest import Settled
from tests.end_to_end.progress import records_taken
from tests.end_to_end.running import Home
from tests.support.waiting import wait_until
from wattledger.embedded import services

CONSUMERS = 3


def members(options: dict[str, Any], group_id: str) -> int:
    """How many consumers of a group have work assigned to them; 0 while that is being settled."""

    async def ask() -> int:
        admin = AIOKafkaAdminClient(**options)
        await admin.start()
        try:
            (answer,) = await admin.describe_consumer_groups([group_id])
        finally:
            await admin.close()
        _, _, state, _, _, found, *_ = answer.groups[0]
        return len(found) if state == "Stable" else 0

    try:
        return asyncio.run(ask())
    except KafkaError:
        return 0


def latest_time(events: Path) -> str:
    """The greatest envelope time of the messages."""
    return max(str(orjson.loads(line)["time"]) for line in events.read_bytes().splitlines() if line.endswith(b"}}"))


def test_three_consumers_of_which_one_is_killed_give_the_same_files_as_one(
    network_settled: Settled, tmp_path: Path
) -> None:
    home = Home(tmp_path, BATCH_MAX_RECORDS="50").made_ahead()
    records = len(network_settled.events.read_bytes().splitlines())
    with services(home.settings, home.data_dir) as running:
        home.run("migrate")
        consumers = [home.start("consume") for _ in range(CONSUMERS)]
        try:
            wait_until(lambda: members(running.kafka_options, home.settings.group_id) == CONSUMERS)
            home.run("publish", network_settled.events)
            wait_until(lambda: (records_taken(running.dsn) or 0) > records // 5)
            consumers[0].kill()
            wait_until(lambda: (records_taken(running.dsn) or 0) == records)
        finally:
            for consumer in consumers[1:]:
                consumer.send_signal(signal.SIGTERM)
            statuses = [consumer.wait(180) for consumer in consumers]
        assert statuses == [-signal.SIGKILL, 0, 0], home.log.read_text()
        home.run("payouts", "run", "--until", latest_time(network_settled.events))
        home.run("export", tmp_path / "out")
    assert difference(network_settled.out, tmp_path / "out", MENDING_APART, made_later=True) == ""
