"""Opens the store: services running, schema and topics in place. Loads nothing of Kafka where none is needed."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from projections.schema import migrate
from wattledger.embedded import services
from wattledger.patience import patiently
from wattledger.settings import Settings
from wattledger.store import Store

T = TypeVar("T")


@contextmanager
def open_store(settings: Settings, *, needs_kafka: bool = True) -> Iterator[Store]:
    """The configured services, or embedded ones for as long as the block runs, with schema and topics in place."""
    with services(settings, settings.data_dir, with_kafka=needs_kafka) as running:
        store = Store.at(running.dsn, running.bootstrap, settings)
        # Embedded servers come back by themselves when they are killed; others are their owner's to start.
        ready = patiently if settings.embedded else _at_once
        ready(lambda: prepare(store, needs_kafka=needs_kafka))
        yield store


def prepare(store: Store, *, needs_kafka: bool = True) -> None:
    """Bring the schema up to date and make the topics that are missing; safe to do again at any time."""
    migrate(store.dsn)
    if needs_kafka:
        from consumers.topics import ensure_topics  # Here: the client libraries take longer to load than to ask.

        asyncio.run(ensure_topics(store.kafka))


def _at_once(step: Callable[[], T]) -> T:
    return step()
