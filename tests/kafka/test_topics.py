"""Topics are made once, as the contract names them, and what is configured lets clients in."""

import ssl
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from faststream.kafka.security import parse_security

from consumers.run import consume_until_caught_up
from consumers.security import security_of
from consumers.topics import OUTBOUND_TOPICS, ensure_topics, inbound_partitions
from contracts.authorizations import QUESTIONS_TOPIC
from contracts.messages import INBOUND_TOPICS
from ledger.errors import MachineryFault
from tests.kafka.store import Store, StoreIntake


async def test_making_the_topics_again_changes_nothing(client_options: dict[str, Any]) -> None:
    assert await ensure_topics(client_options) == ()
    assert await ensure_topics(client_options, partitions=12) == ()
    homes = await inbound_partitions(client_options)
    assert homes == [(topic, number) for topic in INBOUND_TOPICS for number in range(6)]


async def test_the_catalogue_is_kept_for_ever(client_options: dict[str, Any]) -> None:
    admin = AIOKafkaAdminClient(**client_options)
    await admin.start()
    try:
        resource = ConfigResource(ConfigResourceType.TOPIC, "catalogue")
        [answer] = await admin.describe_configs([resource])
        topics = set(await admin.list_topics())
    finally:
        await admin.close()
    configuration = {entry[0]: entry[1] for entry in answer.resources[0][4]}
    assert configuration["retention.ms"] == "-1"
    assert configuration["cleanup.policy"] == "delete"
    assert {*INBOUND_TOPICS, QUESTIONS_TOPIC, *OUTBOUND_TOPICS} <= topics


async def test_brokers_that_cannot_be_reached_are_named() -> None:
    with pytest.raises(MachineryFault, match=r"127\.0\.0\.1:9 cannot be asked"):
        await ensure_topics({"bootstrap_servers": "127.0.0.1:9"})


async def test_brokers_that_stay_away_for_longer_than_the_patience_are_named() -> None:
    options = {"bootstrap_servers": "127.0.0.1:9"}
    with pytest.raises(MachineryFault, match=r"127\.0\.0\.1:9"):
        await consume_until_caught_up(options, StoreIntake(Store()), group_id="g", patience_seconds=0.1)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
@pytest.mark.parametrize("protocol", ["SASL_PLAINTEXT", "SASL_SSL"])
def test_a_name_and_password_reach_the_client_as_they_were_configured(mechanism: str, protocol: str) -> None:
    context = ssl.create_default_context() if protocol == "SASL_SSL" else None
    options = {
        "security_protocol": protocol,
        "ssl_context": context,
        "sasl_mechanism": mechanism,
        "sasl_plain_username": "gateway",
        "sasl_plain_password": "secret",
    }
    assert parse_security(security_of(options)) == options


@pytest.mark.parametrize("protocol", ["PLAINTEXT", "SSL"])
def test_encryption_alone_reaches_the_client_as_it_was_configured(protocol: str) -> None:
    context = ssl.create_default_context() if protocol == "SSL" else None
    options = {"security_protocol": protocol, "ssl_context": context}
    assert parse_security(security_of(options)) == options
