"""Every door to the brokers tells one fault when they do not answer, whatever aiokafka makes of it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError

from consumers.faults import broker_faults
from consumers.publisher import Outgoing, publish
from consumers.topics import ensure_topics, inbound_bounds, inbound_partitions
from ledger.errors import MachineryFault

FAULTS = (
    KafkaConnectionError("no broker"),
    KafkaTimeoutError(),
    ConnectionResetError(104, "reset by peer"),
    TimeoutError(),
)
DOORS: tuple[Callable[[dict[str, Any]], Awaitable[object]], ...] = (ensure_topics, inbound_partitions, inbound_bounds)


@pytest.mark.parametrize("raised", FAULTS, ids=repr)
def test_what_clients_and_sockets_raise_is_a_fault_of_the_machinery(raised: Exception) -> None:
    with (
        pytest.raises(MachineryFault, match=r"^Kafka says nothing \(.+\); wait$") as told,
        broker_faults("Kafka says nothing", "wait"),
    ):
        raise raised
    assert told.value.__cause__ is raised


def test_what_is_no_fault_of_the_brokers_stays_what_it_is() -> None:
    with pytest.raises(LookupError), broker_faults("Kafka says nothing"):
        raise LookupError("the file ended early")


@pytest.mark.parametrize("door", DOORS)
async def test_a_broker_that_is_not_there_is_a_fault_of_the_machinery(
    door: Callable[[dict[str, Any]], Awaitable[object]],
) -> None:
    with pytest.raises(MachineryFault, match=r"127\.0\.0\.1:9 .*; check its address"):
        await door({"bootstrap_servers": "127.0.0.1:9"})


async def test_a_source_of_records_that_cannot_be_read_is_no_fault_of_the_brokers(
    client_options: dict[str, Any],
) -> None:
    def records() -> Any:
        yield Outgoing("charging.sessions", None, b"1")
        raise FileNotFoundError("gone")

    with pytest.raises(FileNotFoundError):
        await publish(client_options, records())
