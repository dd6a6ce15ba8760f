"""Record batches as foreign producers send them: of every codec, and some that no client can read."""

import asyncio
import struct
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.record.util import calc_crc32c
from confluent_kafka import Producer

from consumers.app import Consumption
from consumers.errors import UnreadBatch
from consumers.run import consume_until_caught_up, run_forever
from tests.kafka.store import Store, StoreIntake, until
from tests.support.kafka_clients import librdkafka

TOPIC = "charging.sessions"
STILL, OTHER = 0, 1
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")


def send(options: dict[str, Any], codec: str, values: list[bytes], partition: int) -> None:
    """Send values by the client that most languages have, as one batch in this codec."""
    producer = Producer(librdkafka(options, compression_type=codec, linger_ms=500))
    for value in values:
        producer.produce(TOPIC, value=value, key=b"key", partition=partition)
    assert producer.flush(30) == 0


def some_values(name: str, count: int = 200) -> list[bytes]:
    """Values that shrink when they are compressed; no producer sends others compressed."""
    return [b"%s %08d %s" % (name.encode(), number, b"." * 100) for number in range(count)]


async def send_one_that_no_client_reads(client_options: dict[str, Any], partition: int) -> int:
    """A batch that brokers take, with a header whose name is no UTF-8; its offset."""
    async with AIOKafkaProducer(**client_options) as producer:
        batch = producer.create_batch()
        batch.append(timestamp=None, key=None, value=b"in a batch that cannot be read", headers=[("XX", b"")])
        sent = bytearray(batch._build()).replace(b"XX", b"\xff\xff")
        # The sum is of all that stands behind it: offset (8), length (4), epoch (4), magic (1), sum (4), the rest.
        struct.pack_into(">I", sent, 17, calc_crc32c(bytes(sent[21:])))
        batch._buffer = sent
        written = await (await producer.send_batch(batch, TOPIC, partition=partition))
        return int(written.offset)


@pytest.fixture
async def emptied(client_options: dict[str, Any]) -> AsyncIterator[None]:
    """The partition that cannot be read is emptied behind the test, for others read it too."""
    yield
    home = TopicPartition(TOPIC, STILL)
    async with AIOKafkaConsumer(**client_options) as consumer:
        end = (await consumer.end_offsets([home]))[home]
    admin = AIOKafkaAdminClient(**client_options)
    await admin.start()
    await admin.delete_records({home: RecordsToDelete(before_offset=end)})
    await admin.close()


@pytest.mark.parametrize("codec", CODECS)
async def test_every_codec_of_kafka_is_read(client_options: dict[str, Any], store: Store, codec: str) -> None:
    values = some_values(codec)
    await asyncio.to_thread(send, client_options, codec, values, STILL)
    assert await consume_until_caught_up(client_options, StoreIntake(store), group_id="codecs") == len(values)
    assert store.values == values


@pytest.mark.parametrize("codec", ["snappy", "lz4", "zstd"])
async def test_a_codec_without_its_library_holds_up_one_partition_and_is_read_once_it_is_there(
    client_options: dict[str, Any], store: Store, codec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = some_values(codec)
    for partition in (OTHER, STILL, OTHER):
        await asyncio.to_thread(send, client_options, codec if partition == STILL else "gzip", values, partition)
    offset = store.positions.get((TOPIC, STILL), 0)
    with monkeypatch.context() as without:
        without.setattr("aiokafka.codec.cramjam", None)
        with pytest.raises(
            UnreadBatch, match=f"topic {TOPIC}, partition {STILL}: the record batch at offset {offset} "
        ):
            await consume_until_caught_up(client_options, StoreIntake(store), group_id="without")
    assert store.values == [*values, *values]
    assert await consume_until_caught_up(client_options, StoreIntake(store), group_id="with") == len(values)
    assert store.values == [*values, *values, *values]
    assert store.again == 0


@pytest.mark.usefixtures("emptied")
async def test_the_records_before_a_batch_that_cannot_be_read_and_all_other_partitions_are_taken_in(
    client_options: dict[str, Any], store: Store, group_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    before, beside = some_values("before"), some_values("beside", 1_000)
    later, behind = some_values("later"), some_values("behind", 10)
    await asyncio.to_thread(send, client_options, "lz4", beside[:500], OTHER)
    await asyncio.to_thread(send, client_options, "lz4", before, STILL)
    offset = await send_one_that_no_client_reads(client_options, STILL)
    await asyncio.to_thread(send, client_options, "none", behind, STILL)
    await asyncio.to_thread(send, client_options, "none", beside[500:], OTHER)

    async with Consumption(client_options, StoreIntake(store), group_id=group_id) as consumption:
        await until(lambda: (TOPIC, STILL) in consumption.unread)
        await asyncio.to_thread(send, client_options, "zstd", later, OTHER)
        await until(lambda: len(store.taken) == len(before) + len(beside) + len(later))
        consumption.check()
    values = {home: [r.value for r in store.taken if r.partition == home] for home in (STILL, OTHER)}
    assert values == {STILL: before, OTHER: [*beside, *later]}
    assert store.positions[TOPIC, STILL] == offset
    assert store.again == 0
    told = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(told) == 1
    assert told[0].startswith(f"topic {TOPIC}, partition {STILL}: the record batch at offset {offset} cannot be read")


@pytest.mark.usefixtures("emptied")
async def test_a_member_of_a_group_ends_with_an_error_after_a_while(
    client_options: dict[str, Any], store: Store, group_id: str
) -> None:
    offset = await send_one_that_no_client_reads(client_options, STILL)
    with pytest.raises(UnreadBatch, match=f"at offset {offset} cannot be read"):
        await asyncio.to_thread(
            run_forever,
            client_options,
            lambda: StoreIntake(store),
            threading.Event(),
            group_id=group_id,
            unread_seconds=0.2,
        )
    assert store.taken == []
