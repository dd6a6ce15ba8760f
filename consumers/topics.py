"""The topics that are read and written, and how they are made."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError, for_code

from consumers.faults import broker_faults
from contracts.authorizations import ANSWERS_TOPIC, QUESTIONS_TOPIC
from contracts.messages import CATALOGUE_TOPIC, INBOUND_TOPICS
from contracts.outgoing import ANCHORS_TOPIC, HEADS_TOPIC, OUTBOUND_TOPIC_OF
from ledger.errors import MachineryFault
from ledger.intake.positions import Partition

OUTBOUND_TOPICS: tuple[str, ...] = tuple(dict.fromkeys(OUTBOUND_TOPIC_OF.values()))
DEFAULT_PARTITIONS = 6

_A_DAY_MS = str(24 * 60 * 60 * 1000)
# Every version of an operator or a tariff counts for the sessions of its time, so none is ever dropped or compacted.
_CONFIGURATION: Mapping[str, Mapping[str, str]] = {
    CATALOGUE_TOPIC: {"retention.ms": "-1", "cleanup.policy": "delete"},
    # With heads and anchors nobody can change what was stored, however long ago.
    HEADS_TOPIC: {"retention.ms": "-1", "cleanup.policy": "delete"},
    ANCHORS_TOPIC: {"retention.ms": "-1", "cleanup.policy": "delete"},
    # Nobody waits longer for an answer; how long somebody has waited is told by the brokers' clock.
    QUESTIONS_TOPIC: {"retention.ms": _A_DAY_MS, "message.timestamp.type": "LogAppendTime"},
    ANSWERS_TOPIC: {"retention.ms": _A_DAY_MS},
}
_REPLICAS_MAX = 3


async def ensure_topics(
    client_options: Mapping[str, Any], partitions: int | Mapping[str, int] = DEFAULT_PARTITIONS
) -> tuple[str, ...]:
    """Makes the topics that are missing, and returns their names; those that exist stay as they are.

    `client_options` are aiokafka's, `bootstrap_servers` among them. `partitions` is a number for all topics, or one
    by topic. Raises MachineryFault when the brokers cannot be reached or refuse a topic.
    """
    async with admin_of(client_options) as admin:
        return await make_topics(admin, partitions)


async def make_topics(admin: AIOKafkaAdminClient, partitions: int | Mapping[str, int]) -> tuple[str, ...]:
    """As `ensure_topics`, by a client that is there."""
    present = set(await admin.list_topics())
    missing = [name for name in (*INBOUND_TOPICS, QUESTIONS_TOPIC, *OUTBOUND_TOPICS) if name not in present]
    if not missing:
        return ()
    brokers = len((await admin.describe_cluster())["brokers"])
    replicas = min(brokers, _REPLICAS_MAX)
    answer = await admin.create_topics([_new_topic(name, partitions, replicas) for name in missing])
    return tuple(name for name in missing if _was_made(name, answer))


async def inbound_partitions(client_options: Mapping[str, Any]) -> list[Partition]:
    """The partitions of those inbound topics that exist; raises MachineryFault when the brokers cannot be reached."""
    async with admin_of(client_options) as admin:
        described = await admin.describe_topics()
    found = {topic["topic"]: [each["partition"] for each in topic["partitions"]] for topic in described}
    return [(topic, number) for topic in INBOUND_TOPICS for number in sorted(found.get(topic, ()))]


async def inbound_bounds(client_options: Mapping[str, Any]) -> dict[Partition, tuple[int, int]]:
    """The first offset of each inbound partition and the one behind its last.

    Raises MachineryFault when the brokers cannot be reached.
    """
    asked = {TopicPartition(*home): home for home in await inbound_partitions(client_options)}
    consumer = AIOKafkaConsumer(**client_options, enable_auto_commit=False)
    # Of partitions that are assigned it knows the brokers at once; those of others it asks for one topic at a time.
    consumer.assign(list(asked))
    try:
        with broker_faults("Kafka does not say where its partitions begin and end"):
            await consumer.start()
            firsts, ends = await consumer.beginning_offsets(asked), await consumer.end_offsets(asked)
    finally:
        await consumer.stop()
    return {home: (firsts[tp], ends[tp]) for tp, home in asked.items()}


@contextlib.asynccontextmanager
async def admin_of(client_options: Mapping[str, Any]) -> AsyncIterator[AIOKafkaAdminClient]:
    """A client that asks brokers and has them make things; raises MachineryFault when they cannot be reached."""
    admin = AIOKafkaAdminClient(**client_options)
    try:
        with broker_faults(f"Kafka at {client_options.get('bootstrap_servers')} cannot be asked for topics"):
            await admin.start()
            yield admin
    finally:
        await admin.close()


def _new_topic(name: str, partitions: int | Mapping[str, int], replicas: int) -> NewTopic:
    number = partitions if isinstance(partitions, int) else partitions.get(name, DEFAULT_PARTITIONS)
    return NewTopic(name, number, replicas, topic_configs=dict(_CONFIGURATION.get(name, {})))


def _was_made(name: str, answer: Any) -> bool:
    """Whether the answer says so; False when another process was faster."""
    for topic, code, *reason in answer.topic_errors:
        if topic == name and code:
            error = for_code(code)
            if error is TopicAlreadyExistsError:
                return False
            raise MachineryFault(f"Kafka refuses the topic {name}: {reason[0] if reason else error.__name__}")
    return True
