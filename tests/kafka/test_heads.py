"""Heads of the chain leave: behind payouts, after so many events and with the last of a drain, and to a file."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from consumers.heads import HeadFile, HeadKeeper
from consumers.publisher import Publisher
from consumers.relay import Relay, drain
from contracts.outgoing import HEADS_TOPIC, OUTBOUND_MODEL_OF
from ledger.audit import read_heads
from ledger.events.store import StoredEvent, append
from ledger.gateway import Gateway
from tests.kafka.reading import read_new
from tests.kafka.test_relay import decide, payout_created, payout_status


@pytest.fixture
def gateway(database_url: str) -> Iterator[Gateway]:
    """The way to an empty store."""
    gateway = Gateway(database_url)
    yield gateway
    gateway.close()


def store(gateway: Gateway, count: int) -> None:
    with gateway.transaction() as cursor:
        append(cursor, [StoredEvent(uuid4(), 1, "x", b"{}") for _ in range(count)])


async def test_a_head_leaves_behind_payouts_and_after_so_many_events_to_the_topic_and_to_the_file(
    gateway: Gateway, client_options: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "of" / "heads.jsonl"
    async with read_new(client_options, [HEADS_TOPIC]) as reading, Publisher(client_options) as publisher:
        relay = Relay(gateway, publisher, heads=HeadKeeper(file, every=5))
        store(gateway, 4)
        decide(gateway, [payout_status("PAID")], "settlement.notifications", "OP-1", uuid4())
        assert await relay.send_batch() == 1
        assert len(read_heads(file.read_bytes().splitlines(keepends=True))) == 1, "five events were stored"
        decide(gateway, [payout_status("PAID")], "settlement.notifications", "OP-1", uuid4())
        assert await relay.send_batch() == 1
        decide(gateway, [payout_created()], "settlement.batches", "OP-1")
        assert await relay.send_batch() == 1
        assert await relay.send_batch() == 0
        sent = await reading.take(2)
    lines = file.read_bytes().splitlines(keepends=True)
    heads = read_heads(lines)
    assert [head.events for head in heads] == [5, 7]
    assert read_heads(record.value for record in sent) == heads
    for record in sent:
        OUTBOUND_MODEL_OF[record.event["type"]].model_validate_json(json.dumps(record.event))
        assert record.key == heads[0].store.encode()
    assert file.stat().st_mode & 0o777 == 0o600


async def test_a_drain_ends_with_the_head_and_sends_none_twice(
    gateway: Gateway, database_url: str, client_options: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "heads.jsonl"
    decide(gateway, [payout_status("PAID")], "settlement.notifications", "OP-1")
    for _ in range(2):
        await asyncio.to_thread(drain, client_options, database_url, heads=HeadKeeper(file, every=1000))
    assert len(file.read_bytes().splitlines()) == 1


async def test_payouts_leave_though_the_file_cannot_be_written(
    gateway: Gateway, client_options: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "heads.jsonl").mkdir()
    decide(gateway, [payout_created()], "settlement.batches", "OP-1")
    async with read_new(client_options, [HEADS_TOPIC]) as reading, Publisher(client_options) as publisher:
        assert await Relay(gateway, publisher, heads=HeadKeeper(tmp_path / "heads.jsonl", every=1)).send_batch() == 1
        assert len(await reading.take(1)) == 1
    assert "a head of the chain cannot be written" in caplog.text


def test_what_a_crash_left_of_a_line_is_gone_with_the_next_one(tmp_path: Path) -> None:
    file = HeadFile(tmp_path / "heads.jsonl")
    assert file.last() == {}
    file.append(b'{"events": 1}')
    with file.path.open("ab") as torn:
        torn.write(b'{"eve')
    assert file.last() == {"events": 1}
    file.append(b'{"events": 2}')
    assert file.path.read_bytes() == b'{"events": 1}\n{"events": 2}\n'
    assert file.last() == {"events": 2}
