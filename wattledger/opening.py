"""Opens the store: services running, schema and topics in place. Loads nothing of Kafka where none is needed."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from ledger.errors import NoStore
from projections.schema import migrate
from wattledger.embedded import EmbeddedPostgres, services
from wattledger.patience import patiently
from wattledger.settings import Settings
from wattledger.store import Store

T = TypeVar("T")


@contextmanager
def open_store(settings: Settings, *, needs_kafka: bool = True, creates: bool = False) -> Iterator[Store]:
    """The configured services, or embedded ones for as long as the block runs, with schema and topics in place.

    Raises NoStore where there is none yet, unless it `creates` one.
    """
    if not creates and settings.database_url is None and not EmbeddedPostgres(settings.data_dir).exists():
        raise NoStore(_no_store_at(settings.data_dir))
    with services(settings, settings.data_dir, with_kafka=needs_kafka) as running:
        store = Store.at(running.dsn, running.bootstrap, settings)
        # Embedded servers come back by themselves when they are killed; others are their owner's to start.
        comes_back = settings.database_url is None or (needs_kafka and settings.kafka_bootstrap is None)
        ready = patiently if comes_back else _at_once
        try:
            ready(lambda: prepare(store, needs_kafka=needs_kafka, creates=creates))
        except NoStore:
            if settings.database_url is not None:
                raise
            raise NoStore(_no_store_at(settings.data_dir)) from None
        yield store


def _no_store_at(folder: Path) -> str:
    return f"no store at {folder}; `wattledger settle` or `wattledger up` makes one, and --data-dir names another"


def prepare(store: Store, *, needs_kafka: bool = True, creates: bool = True) -> None:
    """Bring the schema up to date and make the topics that are missing; safe to do again at any time.

    Raises NoStore where there is no schema yet, unless it `creates` one.
    """
    migrate(store.dsn, creates=creates)
    if needs_kafka:
        from consumers.topics import ensure_topics  # Here: the client libraries take longer to load than to ask.

        asyncio.run(ensure_topics(store.kafka))


def _at_once(step: Callable[[], T]) -> T:
    return step()
