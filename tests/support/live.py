"""A live system in the test's own process: the application, real Kafka behind it, the intake and the read models."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import count
from typing import Any, TypeVar

import httpx
import orjson
import psycopg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from api.access.gate import Gate
from api.actions.desk import Desk
from consumers.run import run_forever
from consumers.sender import Sender
from consumers.topics import ensure_topics, inbound_partitions
from contracts.decode import Message, decode_event
from contracts.messages import TOPIC_OF, partition_key
from contracts.signatures import Keyring
from domain.calendar import instant
from engine.clock import Clock
from engine.intake import Intake
from engine.working_set import WorkingSet
from ledger.access import keys
from ledger.access.duties import Duty
from ledger.errors import MachineryFault
from ledger.intake.messages import message_key
from projections.runner import follow_forever
from tests.support.decisions import KEYRING, SIGNER
from tests.support.surface import Client, guarded
from tests.support.waiting import wait_until
from wattledger.embedded import EmbeddedKafka

T = TypeVar("T")

_numbers = count(1)


@dataclass
class Live:
    """A store that is served: `client` brings nothing, `as_` gives clients of keys."""

    dsn: str
    kafka: EmbeddedKafka
    client: Client
    gate: Gate
    sender: Sender

    @property
    def options(self) -> dict[str, Any]:
        """How Kafka is reached."""
        return self.kafka.client_options

    def key(self, duty: Duty, *operators: str, name: str = "a test", acts_for: str | None = None) -> str:
        """A new key."""
        with self.gate.door.transaction() as cursor:
            _, text = keys.create(cursor, name, duty, operators, created_by="tests", acts_for=acts_for)
        return str(text)

    def as_(self, duty: Duty, *operators: str, name: str = "a test", acts_for: str | None = None) -> Client:
        """A client of a new key."""
        return self.client.as_(self.key(duty, *operators, name=name, acts_for=acts_for))

    def publish(self, *events: Mapping[str, Any] | bytes) -> None:
        """Events to Kafka, and wait until the brokers have them; bytes go to the sessions' topic as they are."""
        records = [_record(each) for each in events]

        def are_there() -> bool:
            # Topics that were just made have no leaders for a while.
            with suppress(MachineryFault):
                self.sender.publish(records).result(180)
                return True
            return False

        wait_until(are_there)

    def tell(self, *events: Mapping[str, Any]) -> None:
        """Publish events, and wait until all of them are taken in."""
        self.publish(*events)
        for each in events:
            wait_until(partial(self.knows, str(each["source"]), str(each["id"])))

    def advance(self, until: str | datetime) -> None:
        """Move the clock."""
        clock = Clock(WorkingSet.of(self.dsn))
        clock.advance(instant(until) if isinstance(until, str) else until)
        clock.close()

    def knows(self, source: str, id_: str) -> bool:
        """Whether the intake has accepted a message."""
        return bool(self.rows("SELECT FROM intake.message WHERE key = %s::uuid", message_key(source, id_).hex()))

    def records(self, topic: str) -> list[bytes]:
        """All values that a topic holds."""
        return topic_values(self.options, topic)

    def rows(self, query: str, *parameters: Any) -> list[Any]:
        """The rows of a query."""
        with psycopg.connect(self.dsn) as connection:
            return connection.execute(query.encode(), parameters or None).fetchall()

    def seen(self, path: str, who: Client, what: Any) -> dict[str, Any]:
        """A document once a condition on it holds."""
        found: dict[str, Any] = {}

        def look() -> bool:
            answer = who.get(path)
            found.clear()
            found.update(answer.json())
            return answer.status_code == 200 and bool(what(found))

        wait_until(look)
        return found


def once(number: str | None = None, **others: str) -> dict[str, str]:
    """Headers of an action with a key that is new."""
    return {"Idempotency-Key": number or f"key-{next(_numbers)}", **others}


def act(who: httpx.Client, path: str, body: Mapping[str, Any] | None = None, **headers: str) -> httpx.Response:
    """What a POST answers; with a new Idempotency-Key where none is given."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    return who.post(path, json=dict(body or {}), headers=once() | given)


@contextmanager
def intake_of(dsn: str, options: Mapping[str, Any], group_id: str, keyring: Keyring = KEYRING) -> Iterator[None]:
    """The intake and the read models of a store, for as long as the block runs."""
    stop = threading.Event()

    def consume() -> None:
        # A process that consumes ends with its connection; here the connection would be left to the collector.
        with closing(Intake(WorkingSet.of(dsn, decision_keys=keyring))) as intake:
            run_forever(options, lambda: intake, stop, group_id=group_id)

    threads = [
        threading.Thread(target=consume, name="intake"),
        threading.Thread(target=follow_forever, args=(dsn, stop), name="read models"),
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


@contextmanager
def acting(dsn: str, brokers: Mapping[str, Any], **settings: Any) -> Iterator[tuple[Client, Gate]]:
    """As `guarded`, with actions that are published, and taken in by nobody."""
    sender = Sender(lambda: brokers)
    sender.start()
    with ExitStack() as ending:
        ending.callback(sender.close)
        desks: list[Desk] = []

        def desk(gate: Gate) -> Desk:
            desks.append(Desk(gate.door, sender, SIGNER.sign))
            return desks[0]

        made = ending.enter_context(guarded(dsn, desk=desk, **settings))
        ending.callback(lambda: desks[0].close())
        yield made


@contextmanager
def live(dsn: str, kafka: EmbeddedKafka, group_id: str, **settings: Any) -> Iterator[Live]:
    """The store served, with an intake behind it."""
    options = kafka.client_options
    _run(ensure_topics(options))
    sender = Sender(lambda: options)
    sender.start()
    with ExitStack() as ending:
        ending.callback(sender.close)
        desks: list[Desk] = []

        def desk(gate: Gate) -> Desk:
            desks.append(Desk(gate.door, sender, SIGNER.sign))
            return desks[0]

        client, gate = ending.enter_context(guarded(dsn, desk=desk, **settings))
        ending.callback(lambda: desks[0].close())
        ending.enter_context(intake_of(dsn, options, group_id))
        yield Live(dsn, kafka, client, gate, sender)


def topic_values(options: Mapping[str, Any], topic: str) -> list[bytes]:
    """All values that a topic holds."""
    return _run(_values(options, topic))


def all_records(options: Mapping[str, Any]) -> list[bytes]:
    """Keys, headers and values of all topics."""
    return _run(_everything(options))


def _run(work: Coroutine[Any, Any, T]) -> T:
    """What work comes to, beside whatever loop the thread of the tests has: a browser's, for example."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


async def _everything(options: Mapping[str, Any]) -> list[bytes]:
    admin = AIOKafkaAdminClient(**options)
    await admin.start()
    try:
        described = await admin.describe_topics()
    finally:
        await admin.close()
    homes = [TopicPartition(topic["topic"], each["partition"]) for topic in described for each in topic["partitions"]]
    return [
        part
        for record in await _read(options, homes)
        for part in (record.key, record.value, *(value for _, value in record.headers))
        if part
    ]


async def _values(options: Mapping[str, Any], topic: str) -> list[bytes]:
    homes = [TopicPartition(*home) for home in await inbound_partitions(options) if home[0] == topic]
    return [record.value or b"" for record in await _read(options, homes)]


async def _read(options: Mapping[str, Any], homes: Sequence[TopicPartition]) -> list[Any]:
    # Told so from the start: a seek to the beginning can be overtaken by the default, which is the end.
    consumer = AIOKafkaConsumer(**options, enable_auto_commit=False, auto_offset_reset="earliest")
    consumer.assign(homes)
    await consumer.start()
    try:
        ends = await consumer.end_offsets(homes)
        found: list[Any] = []
        while any([await consumer.position(home) < ends[home] for home in homes]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += records
        return found
    finally:
        await consumer.stop()


def _record(event: Mapping[str, Any] | bytes) -> tuple[str, bytes | None, bytes, tuple[tuple[str, bytes], ...]]:
    if isinstance(event, bytes):
        return "charging.sessions", b"key", event, ()
    message = decode_event(dict(event))
    assert isinstance(message, Message), message
    return TOPIC_OF[message.type], partition_key(message).encode(), orjson.dumps(event), ()
