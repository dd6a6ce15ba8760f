"""From outside: messages in files, in any order and twice; each notice leaves on its topic once."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer

from tests.end_to_end.running import Home, documents
from tests.support import aftermath
from tests.support.events import lines, money, operator, session, tariff
from tests.support.kafka_clients import variables
from tests.support.made_ahead import with_kafka
from wattledger.embedded.kafka import EmbeddedKafka
from wattledger.settings import default_cache_dir

TOPIC = "settlement.notifications"
SECOND = operator("OP-2", payout_requires_approval=True, bank_account={"holder": "Two", "iban": "NL20INGB0001234567"})
UNANSWERED, AWAITS = aftermath.payout_id("OP-1", "2026-03-02"), aftermath.payout_id("OP-2", "2026-03-02")


def history() -> list[dict[str, Any]]:
    """A refund after the payout, a payout that waits and one that nobody answers; the last message is of 10 March."""
    begun = {"operator_id": "OP-2", "tariff_id": "T-2"}
    of_the_second = [
        each | {"data": each["data"] | begun} if "evse_uid" in each["data"] else each for each in session("S-2")
    ]
    refund = aftermath.refunded("R-1", "S-1", "2026-03-03T10:00:00Z", money("5.00"), "OPERATOR")
    of_op_1, later = [operator(), tariff(), *session("S-1")], session("S-3", "2026-03-10")
    return [*of_op_1, refund, SECOND, tariff("OP-2", "T-2"), *of_the_second, *later]


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """A broker that nothing was ever sent to."""
    with EmbeddedKafka(with_kafka(tmp_path / "kafka"), default_cache_dir()) as server:
        yield server.client_options


async def sent(brokers: dict[str, Any]) -> list[dict[str, Any]]:
    """All that stands on the topic of notices."""
    async with AIOKafkaConsumer(TOPIC, **brokers, auto_offset_reset="earliest") as consumer:
        homes = consumer.assignment()
        ends = await consumer.end_offsets(homes)
        found: list[dict[str, Any]] = []
        while [home for home in homes if await consumer.position(home) < ends[home]]:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += [orjson.loads(record.value) for record in records]
        return found


async def test_settle_tells_each_once_however_its_files_are_shuffled_and_repeated(
    tmp_path: Path, brokers: dict[str, Any], database_url: str
) -> None:
    home = Home(tmp_path / "home", DATABASE_URL=database_url, **variables(brokers))
    file, out = tmp_path / "events.jsonl", tmp_path / "out"
    for seed in (1, 2):
        file.write_bytes(b"\n".join(lines(Random(seed).sample(history(), len(history())))))
        home.settle(out, file)
    notices = await sent(brokers)
    assert len({each["id"] for each in notices}) == len(notices)
    told = sorted((each["data"]["kind"], each["subject"], each["data"]["operator_id"]) for each in notices)
    assert [each for each in told if not each[0].startswith(("COVER_SHORT", "OPERATOR_NOT_KNOWN", "SESSION"))] == [
        ("NEGATIVE_BALANCE", "OP-1", "OP-1"),
        ("PAYOUT_AWAITS_APPROVAL", AWAITS, "OP-2"),
        ("PAYOUT_UNANSWERED", UNANSWERED, "OP-1"),
    ]
    # The list goes by what stands: the operator has earned enough by now, and the next run will find it.
    listed = {(each["kind"], each["subject"]) for each in documents(out / "findings.jsonl")}
    assert {(kind, subject) for kind, subject in listed if kind.startswith(("NEGATIVE", "PAYOUT"))} == {
        ("PAYOUT_AWAITS_APPROVAL", AWAITS), ("PAYOUT_UNANSWERED", UNANSWERED),
    }  # fmt: skip
