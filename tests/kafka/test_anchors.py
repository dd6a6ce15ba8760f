"""Anchors leave behind payouts and when it is time, to the topic and to a file, and after a crash with the next."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from consumers.anchors import AnchorKeeper
from consumers.publisher import Publisher
from consumers.relay import Relay, drain
from contracts.outgoing import ANCHORS_TOPIC, OUTBOUND_MODEL_OF
from domain.closing.events import PeriodClosed
from ledger.audit import read_anchors
from ledger.book.journal import write_entries
from ledger.gateway import Gateway
from tests.kafka.reading import read_new
from tests.kafka.test_relay import decide, payout_created
from tests.proofs.conftest import an_entry
from wattledger.anchor_keys import anchor_signer
from wattledger.settings import Settings

HOUR = timedelta(hours=1)


@pytest.fixture
def gateway(database_url: str) -> Iterator[Gateway]:
    """The way to an empty store."""
    gateway = Gateway(database_url)
    yield gateway
    gateway.close()


def _keeper(gateway: Gateway, folder: Path, every: timedelta = HOUR) -> AnchorKeeper:
    settings = Settings(data_dir=folder)
    return AnchorKeeper(gateway._dsn, partial(anchor_signer, settings), settings.anchor_file_path, every, "UTC")


def _write(gateway: Gateway, count: int) -> None:
    with gateway.transaction() as cursor:
        write_entries(cursor, [an_entry(uuid4()) for _ in range(count)], gateway.shard)


def _lines(folder: Path) -> list[bytes]:
    return (folder / "anchors.jsonl").read_bytes().splitlines(keepends=True)


async def test_an_anchor_leaves_behind_payouts_and_when_it_is_time(
    gateway: Gateway, client_options: dict[str, Any], tmp_path: Path
) -> None:
    async with read_new(client_options, [ANCHORS_TOPIC]) as reading, Publisher(client_options) as publisher:
        keeper = _keeper(gateway, tmp_path)
        relay = Relay(gateway, publisher, anchors=keeper)
        _write(gateway, 3)
        assert await relay.send_batch() == 0
        await relay.send_last()
        assert not (tmp_path / "anchors.jsonl").exists(), "it is not time yet, and nothing is paid"
        decide(gateway, [payout_created()], "settlement.batches", "OP-1")
        assert await relay.send_batch() == 1
        await relay.send_last()
        await keeper.close()
        _write(gateway, 2)
        timed = _keeper(gateway, tmp_path, timedelta(0))
        relay = Relay(gateway, publisher, anchors=timed)
        assert await relay.send_batch() == 0
        await relay.send_last()
        await timed.close()
        sent = await reading.take(2)
    anchors = read_anchors(_lines(tmp_path))
    assert [(each.number, each.tree_size, each.reason) for each in anchors] == [(1, 3, "BATCH"), (2, 5, "TIME")]
    assert read_anchors(record.value for record in sent) == anchors
    for record in sent:
        OUTBOUND_MODEL_OF[record.event["type"]].model_validate_json(json.dumps(record.event))
        assert record.key == anchors[0].book.encode()
    assert (tmp_path / "anchors.jsonl").stat().st_mode & 0o777 == 0o600


async def test_a_period_that_was_closed_is_anchored_though_nothing_is_new(
    gateway: Gateway, client_options: dict[str, Any], tmp_path: Path
) -> None:
    _write(gateway, 2)
    closed = PeriodClosed(
        "urn:people",
        "1",
        "2026-03",
        1,
        "UTC",
        *3 * (datetime(2026, 4, 1, tzinfo=UTC),),
        "0" * 64,
        (),
        "{}",
        "{}",
        "{}",
    )
    async with Publisher(client_options) as publisher:
        keeper = _keeper(gateway, tmp_path)
        relay = Relay(gateway, publisher, anchors=keeper)
        for number in range(2):
            decide(gateway, [closed], "settlement.notifications", "2026-03", UUID(int=number))
            assert await relay.send_batch() == 1
            await relay.send_last()
        await keeper.close()
    assert [(each.tree_size, each.reason) for each in read_anchors(_lines(tmp_path))] == [(2, "CLOSE")] * 2


async def test_what_a_crash_kept_from_leaving_leaves_with_the_next_relay(
    gateway: Gateway, database_url: str, client_options: dict[str, Any], tmp_path: Path
) -> None:
    keeper = _keeper(gateway, tmp_path)
    for count in (1, 2):
        _write(gateway, count)
        # Made, and the process that was to send it is gone.
        keeper.look(pays=True)
        await keeper.made()
    await keeper.close()
    async with read_new(client_options, [ANCHORS_TOPIC]) as reading:
        for _ in range(2):
            await asyncio.to_thread(drain, client_options, database_url, anchors=_keeper(gateway, tmp_path))
        assert len(await reading.take(2)) == 2
    assert [each.tree_size for each in read_anchors(_lines(tmp_path))] == [1, 3]
    assert len(_lines(tmp_path)) == 2, "none is sent twice where nothing happened"


async def test_payouts_leave_though_no_anchor_can_be_signed_or_kept(
    gateway: Gateway, client_options: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    _write(gateway, 1)
    (tmp_path / "anchor-keys").mkdir()
    (tmp_path / "anchor-keys" / "signing.pem").write_text("no key")
    decide(gateway, [payout_created()], "settlement.batches", "OP-1")
    async with Publisher(client_options) as publisher:
        for spoilt in (True, False):
            if not spoilt:
                (tmp_path / "anchor-keys" / "signing.pem").unlink()
                (tmp_path / "anchors.jsonl").mkdir()
                decide(gateway, [payout_created()], "settlement.batches", "OP-1", uuid4())
            keeper = _keeper(gateway, tmp_path)
            relay = Relay(gateway, publisher, anchors=keeper)
            assert await relay.send_batch() == 1
            await relay.send_last()
            await keeper.close()
    assert "no anchor of the book can be made" in caplog.text
    assert "an anchor of the book cannot be written" in caplog.text
    assert "PRIVATE" not in caplog.text
