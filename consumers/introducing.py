"""Passwords of users, told to brokers that keep them (SCRAM): KIP-554, request 51."""

from collections.abc import Mapping
from hashlib import pbkdf2_hmac
from secrets import token_bytes
from typing import Any

from aiokafka.protocol.api import RequestStruct, Response
from aiokafka.protocol.types import (
    CompactArray,
    CompactBytes,
    CompactString,
    Int8,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from consumers.asking import ask
from consumers.topics import admin_of
from ledger.errors import MachineryFault

_SCRAM_SHA_256, _ITERATIONS, _SALT_BYTES = 1, 4096, 16


class _AlterUserScramCredentialsResponse(Response):  # type: ignore[misc]  # aiokafka is not typed
    API_KEY, API_VERSION = 51, 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _AlterUserScramCredentialsRequest(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY, API_VERSION = 51, 0
    RESPONSE_TYPE = _AlterUserScramCredentialsResponse
    SCHEMA = Schema(
        ("deletions", CompactArray(("name", CompactString("utf-8")), ("mechanism", Int8), ("tags", TaggedFields))),
        (
            "upsertions",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted_password", CompactBytes),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


async def introduce(client_options: Mapping[str, Any], passwords: Mapping[str, str]) -> None:
    """Tells brokers the passwords of users, who then come in by SCRAM-SHA-256.

    Raises MachineryFault when the brokers cannot be reached or refuse one.
    """
    async with admin_of(client_options) as admin:
        told = [_credential(name, password) for name, password in passwords.items()]
        answer = await ask(admin, _AlterUserScramCredentialsRequest, [], told, {})
    for result in answer["results"]:
        if result["error_code"]:
            raise MachineryFault(f"Kafka refuses the user {result['user']}: {result['error_message']}")


def _credential(name: str, password: str) -> tuple[Any, ...]:
    salt = token_bytes(_SALT_BYTES)
    salted = pbkdf2_hmac("sha256", password.encode(), salt, _ITERATIONS)
    return (name, _SCRAM_SHA_256, _ITERATIONS, salt, salted, {})
