"""Kafka as the server has it: brokers that may start meanwhile, and what sends records to them one by one."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from wattledger.store import Store

if TYPE_CHECKING:
    from api.publishing import Publisher


@contextmanager
def brokers_of(store: Store) -> "Iterator[Callable[[], Mapping[str, Any] | None]]":
    """The options of Kafka's clients, None while nobody knows where brokers are; embedded ones start meanwhile."""
    from wattledger.embedded import brokers_aside

    with brokers_aside(store.settings) as options:
        yield options


@contextmanager
def publisher_at(brokers: Callable[[], Mapping[str, Any] | None]) -> "Iterator[Publisher]":
    """What sends actions to Kafka, whose brokers it asks nothing before there is something to send."""
    from consumers.sender import Sender

    sender = Sender(brokers)
    sender.start()
    try:
        yield sender
    finally:
        sender.close()
