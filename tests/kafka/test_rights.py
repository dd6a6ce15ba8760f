"""Topics that everybody may write to: found in the brokers' lists, and told when a process starts."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclBindingFilter, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType

from consumers.rights import Acl, granted, open_topics, ready_brokers
from contracts.topic_roles import writers
from tests.support.kafka_clients import librdkafka
from tests.support.waiting import wait_until
from wattledger.embedded import EmbeddedKafka
from wattledger.embedded.kafka import options_of_login

TOPIC, LITERAL, PREFIXED, WRITE, READ, ALL, DENY = 2, 3, 4, 4, 3, 2, 2
EVERYBODY = "User:*"


@pytest.mark.parametrize(
    ("acls", "found"),
    [
        ([], []),
        (granted(), []),
        ([Acl(TOPIC, "payments", LITERAL, EVERYBODY, WRITE)], ["payments"]),
        ([Acl(TOPIC, "payments", LITERAL, "User:ANONYMOUS", ALL)], ["payments"]),
        ([Acl(TOPIC, "payments", LITERAL, EVERYBODY, READ)], []),
        ([Acl(TOPIC, "payments", LITERAL, "User:provider", WRITE)], []),
        ([Acl(TOPIC, "charging.", PREFIXED, EVERYBODY, WRITE)], ["charging.sessions", "charging.chargers"]),
        ([Acl(TOPIC, "*", LITERAL, EVERYBODY, ALL)], list(writers())),
        (
            [
                Acl(TOPIC, "*", LITERAL, EVERYBODY, ALL),
                *(Acl(TOPIC, each, LITERAL, EVERYBODY, WRITE, DENY) for each in writers() if each != "bank"),
            ],
            ["bank"],
        ),
        ([Acl(3, "payments", LITERAL, EVERYBODY, WRITE)], []),
    ],
)
def test_open_topics_are_those_that_everybody_may_write_to(acls: list[Acl], found: list[str]) -> None:
    assert open_topics(acls) == found


async def test_a_start_names_the_topics_of_a_cluster_that_everybody_may_write_to(
    kafka: EmbeddedKafka, client_options: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "consumers.rights")
    await ready_brokers(client_options, embedded=True)
    await ready_brokers(client_options, embedded=False)
    assert caplog.messages == []

    with granted_by_hand(client_options, "payments", EVERYBODY, AclOperation.WRITE):
        await ready_brokers(client_options, embedded=False)
    assert [each.levelname for each in caplog.records] == ["WARNING"]
    assert "everybody may write to payments;" in caplog.messages.pop()

    with granted_by_hand(client_options, "*", "User:gateway", AclOperation.DESCRIBE):
        await ready_brokers(options_of_login(kafka.bootstrap, kafka.logins()["gateway"]), embedded=False)
    assert caplog.records[-1].levelname == "INFO"
    assert "does not let us ask who may write" in caplog.messages[-1]


@contextmanager
def granted_by_hand(options: dict[str, Any], topic: str, who: str, what: AclOperation) -> Iterator[None]:
    """A right that somebody gave by the tools of Kafka, for as long as the block runs, and heeded when it begins."""
    admin = AdminClient(librdkafka(options))
    line = (ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, who, "*", what, AclPermissionType.ALLOW)
    for made in admin.create_acls([AclBinding(*line)]).values():
        made.result(180)
    wait_until(lambda: admin.describe_acls(AclBindingFilter(*line)).result(180))
    try:
        yield
    finally:
        for gone in admin.delete_acls([AclBindingFilter(*line)]).values():
            gone.result(180)
