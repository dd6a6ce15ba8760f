"""Who may write to which topic, as the brokers have it: asked of clusters of one's own, told to an embedded one."""

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import CreateAclsRequest_v1, DescribeAclsRequest_v1

from consumers.asking import ask
from consumers.topics import DEFAULT_PARTITIONS, admin_of, make_topics
from contracts.topic_roles import ROLES, writers
from ledger.errors import MachineryFault

_log = logging.getLogger(__name__)

# Kafka's own numbers: org.apache.kafka.common.acl and .resource.
_ANY, _TOPIC, _GROUP = 1, 2, 3
_LITERAL, _PREFIXED = 3, 4
_ALL, _READ, _WRITE = 2, 3, 4
_DENY, _ALLOW = 2, 3
# Whoever comes in, and whoever comes in without saying who.
_EVERYBODY = ("User:*", "User:ANONYMOUS")
# Of org.apache.kafka.common.protocol.Errors.
_NOT_ALLOWED, _NO_LISTS = 31, 54
_HEEDED_S, _LOOK_S = 60.0, 0.02


class Acl(NamedTuple):
    """An access control list's line: who may do, or may not, which operation on what is named so."""

    kind: int
    name: str
    pattern: int
    principal: str
    operation: int
    permission: int = _ALLOW


async def ready_brokers(client_options: Mapping[str, Any], *, embedded: bool) -> None:
    """Makes the topics that are missing; grants rights to them in an embedded Kafka, and looks at those of others.

    Raises MachineryFault when the brokers cannot be reached or refuse a topic.
    """
    async with admin_of(client_options) as admin:
        await make_topics(admin, DEFAULT_PARTITIONS)
        if embedded:
            await _grant(admin)
        else:
            _tell(await _found(admin), str(client_options.get("bootstrap_servers")))


def granted() -> list[Acl]:
    """What the roles of `contracts.topic_roles` need, each as the user of its name, with groups of its name."""
    lines = [Acl(_GROUP, name, _PREFIXED, f"User:{name}", _READ) for name in ROLES]
    for name, role in ROLES.items():
        lines += [Acl(_TOPIC, topic, _LITERAL, f"User:{name}", _WRITE) for topic in role.writes]
        lines += [Acl(_TOPIC, topic, _LITERAL, f"User:{name}", _READ) for topic in role.reads]
    return lines


def open_topics(acls: Iterable[Acl]) -> list[str]:
    """The topics that everybody may write to, of those that only some should."""
    given = [each for each in acls if each.principal in _EVERYBODY and each.operation in (_WRITE, _ALL)]
    return [topic for topic in writers() if _is_open(topic, [each for each in given if _names(each, topic)])]


def _is_open(topic: str, given: Sequence[Acl]) -> bool:
    """A line that denies counts before all that allow; it is everybody's only where it is of `User:*`."""
    denied = any(each.permission == _DENY and each.principal == "User:*" for each in given)
    return not denied and any(each.permission == _ALLOW for each in given)


def _names(acl: Acl, topic: str) -> bool:
    if acl.kind != _TOPIC:
        return False
    return topic.startswith(acl.name) if acl.pattern == _PREFIXED else acl.name in ("*", topic)


async def _grant(admin: AIOKafkaAdminClient) -> None:
    """Tells an embedded Kafka the lines that are missing, and waits until it heeds them."""
    missing = _missing(await _found(admin))
    if not missing:
        return
    answer = await ask(admin, CreateAclsRequest_v1, [(*each[:4], "*", *each[4:]) for each in missing])
    for result in answer["creation_responses"]:
        if result["error_code"]:
            raise MachineryFault(f"Kafka refuses an access control list: {result['error_message']}")
    async with asyncio.timeout(_HEEDED_S):
        while _missing(await _found(admin)):
            await asyncio.sleep(_LOOK_S)


def _missing(found: list[Acl] | str) -> list[Acl]:
    return [each for each in granted() if isinstance(found, str) or each not in found]


async def _found(admin: AIOKafkaAdminClient) -> list[Acl] | str:
    """All lines that there are of topics and groups; else why they are not known, for people."""
    found: list[Acl] = []
    for kind in (_TOPIC, _GROUP):
        answer = await ask(admin, DescribeAclsRequest_v1, kind, None, _ANY, None, None, _ANY, _ANY)
        code = answer["error_code"]
        if code == _NO_LISTS:
            return "it keeps no access control lists: whoever comes in may write to every topic"
        if code:
            return (
                "" if code == _NOT_ALLOWED else f"it does not say who may write ({answer['error_message'] or code})"
            )
        for resource in answer["resources"]:
            home = (resource["resource_type"], resource["resource_name"], resource["resource_pattern_type"])
            found += [
                Acl(*home, line["principal"], line["operation"], line["permission_type"]) for line in resource["acls"]
            ]
    return found


def _tell(found: list[Acl] | str, where: str) -> None:
    advice = "see docs/gateways.md, Who may write"
    if found == "":
        _log.info("Kafka at %s does not let us ask who may write to its topics; %s", where, advice)
    elif isinstance(found, str):
        _log.warning("Kafka at %s: %s; %s", where, found, advice)
    elif topics := open_topics(found):
        _log.warning("Kafka at %s: everybody may write to %s; %s", where, ", ".join(topics), advice)
