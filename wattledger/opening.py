"""Opens the store: services running, schema and topics in place. Loads nothing of Kafka where none is needed."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ledger.errors import NoStore
from projections.schema import migrate
from wattledger.embedded import EmbeddedPostgres, make_data_dir, services
from wattledger.errors import SettingsError
from wattledger.patience import patiently
from wattledger.secret_key import keep_secret_key, key_place, seals_or_none
from wattledger.settings import Settings
from wattledger.store import Store

if TYPE_CHECKING:
    from ledger.access.seals import AnyConnection, Seals

T = TypeVar("T")

_log = logging.getLogger(__name__)


@contextmanager
def open_store(settings: Settings, *, needs_kafka: bool = True, creates: bool = False) -> Iterator[Store]:
    """The configured services, or embedded ones for as long as the block runs, with schema and topics in place.

    Raises NoStore where there is none yet, unless it `creates` one; SettingsError where people and keys of an older
    version are to be sealed with a key that is not there.
    """
    if not creates:
        check_store(settings)
    else:
        if settings.embedded:
            make_data_dir(settings.data_dir)
        # Of a database elsewhere others may have the key: people of it are not sealed with one that is made here.
        if settings.database_url is None:
            keep_secret_key(settings)
    with services(settings, settings.data_dir, with_kafka=needs_kafka) as running:
        store = Store.at(running.dsn, running.bootstrap, running.settings)
        # Embedded servers come back by themselves when they are killed; others are their owner's to start.
        comes_back = settings.database_url is None or (needs_kafka and settings.kafka_bootstrap is None)
        ready = patiently if comes_back else _at_once
        try:
            ready(lambda: prepare(store, needs_kafka=needs_kafka, creates=creates))
        except NoStore:
            if settings.database_url is not None:
                raise
            raise NoStore(_no_store_at(settings.data_dir)) from None
        if creates:
            _seal_what_was_before(store)
            keep_secret_key(settings)
        yield store


def check_store(settings: Settings) -> None:
    """Nothing where a store is configured, or there is one below the data directory; raises NoStore."""
    if settings.database_url is None and not EmbeddedPostgres(settings.data_dir).exists():
        raise NoStore(_no_store_at(settings.data_dir))


def _no_store_at(folder: Path) -> str:
    return f"no store at {folder}; `wattledger settle` or `wattledger up` makes one, and --data-dir names another"


def prepare(store: Store, *, needs_kafka: bool = True, creates: bool = True) -> None:
    """Bring the schema up to date and make the topics that are missing; safe to do again at any time.

    Raises NoStore where there is no schema yet, unless it `creates` one; SettingsError where people and keys of an
    older version are to be sealed with a key that is not there, and nothing has changed then.
    """
    migrate(
        store.dsn, creates=creates, finish=lambda connection: _seal_with_the_migration(connection, store.settings)
    )
    if needs_kafka:
        from consumers.rights import ready_brokers  # Here: the client libraries take longer to load than to ask.

        asyncio.run(ready_brokers(store.kafka, embedded=store.settings.kafka_bootstrap is None))


def _seal_with_the_migration(connection: "AnyConnection", settings: Settings) -> None:
    """Seal the people and keys of a store that is older than seals, before anybody can change one of them."""
    from ledger.access.seals import any_unsealed

    if not any_unsealed(connection):
        return
    seals = seals_or_none(settings)
    if seals is None:
        raise SettingsError(
            "this store was not brought up to date, since its people and keys are sealed by that and there is no key "
            "here: set WATTLEDGER_SECRET_KEY to the one that `wattledger serve` has or will have (openssl rand "
            "-base64 32 makes one), and run `wattledger migrate`"
        )
    _seal(connection, seals, settings)


def _seal_what_was_before(store: Store) -> None:
    """The same, of one that was migrated without it; a login that may not migrate leaves it."""
    from ledger.database import Role, connect
    from ledger.errors import RoleRefused

    seals = seals_or_none(store.settings)
    if seals is not None:
        with suppress(RoleRefused), connect(store.dsn, Role.OWNER, autocommit=True) as connection:
            _seal(connection, seals, store.settings)


def _seal(connection: "AnyConnection", seals: "Seals", settings: Settings) -> None:
    from ledger.access.seals import seal_what_was_before

    if number := seal_what_was_before(connection, seals):
        _log.warning(
            "%d people and keys of an older version were sealed with the key of %s: every process that lets people "
            "in needs that one",
            number,
            key_place(settings),
        )


def _at_once(step: Callable[[], T]) -> T:
    return step()
