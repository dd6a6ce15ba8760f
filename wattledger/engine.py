"""The composition root: puts services, intake, clock, projections and files together, one verb a function."""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from psycopg import OperationalError
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from consumers.errors import MachineryFault
from consumers.files import EventFiles, TooLarge
from consumers.intake import Intake
from consumers.publisher import RECORD_MAX_BYTES, Outgoing, publish
from consumers.relay import drain
from consumers.run import run_until_caught_up
from consumers.topics import ensure_topics
from ledger import positions
from ledger.clock import Clock
from ledger.errors import DatabaseUnavailable
from ledger.gateway import Gateway
from ledger.migrate import migrate
from ledger.positions import Tally
from ledger.too_large import refuse_too_large
from projections.bank_file import PlatformAccount
from projections.export import export
from projections.runner import catch_up
from wattledger.embedded import services
from wattledger.errors import ApplicationError
from wattledger.settings import Settings

T = TypeVar("T")
OnProgress: TypeAlias = Callable[[str, int, int | None], None]

# A server that was killed is back within seconds; one that is not after this long needs somebody to look.
_PATIENCE_S = 120
_CONSUMING_PATIENCE_S = 600


@dataclass(frozen=True, slots=True)
class Store:
    """Where the engine works: the database, how clients reach the brokers, and the settings."""

    dsn: str
    kafka: dict[str, Any]
    settings: Settings

    @property
    def platform(self) -> PlatformAccount:
        """The account that pays."""
        s = self.settings
        return PlatformAccount(
            name=s.platform_name,
            iban=s.platform_iban,
            bic=s.platform_bic,
            account_number=s.platform_account_number,
            routing_code=s.platform_routing_code,
        )


@contextmanager
def open_store(settings: Settings, *, needs_kafka: bool = True) -> Iterator[Store]:
    """The configured services, or embedded ones for as long as the block runs, with schema and topics in place."""
    with services(settings, settings.data_dir, with_kafka=needs_kafka) as running:
        store = Store(
            running.dsn, {"bootstrap_servers": running.bootstrap, **settings.kafka_client_options()}, settings
        )
        # Embedded servers come back by themselves when they are killed; others are their owner's to start.
        ready = patiently if settings.embedded else _at_once
        ready(lambda: prepare(store, needs_kafka=needs_kafka))
        yield store


def prepare(store: Store, *, needs_kafka: bool = True) -> None:
    """Bring the schema up to date and make the topics that are missing; safe to do again at any time."""
    migrate(store.dsn)
    if needs_kafka:
        asyncio.run(ensure_topics(store.kafka))


def _at_once(step: Callable[[], T]) -> T:
    return step()


def patiently(step: Callable[[], T]) -> T:
    """Do a step that can be repeated, and again while the database or the brokers are away."""
    retrying = Retrying(
        retry=retry_if_exception_type((DatabaseUnavailable, MachineryFault, OperationalError)),
        wait=wait_exponential(multiplier=0.1, max=2),
        stop=stop_after_delay(_PATIENCE_S),
        reraise=True,
    )
    return retrying(step)


def publish_records(store: Store, records: Iterable[Outgoing]) -> int:
    """Publish records that were made here; how many were sent. Raises ApplicationError when some are too large."""
    refused: list[Outgoing] = []
    sent, _ = asyncio.run(publish(store.kafka, records, refused.append))
    if refused:
        raise ApplicationError(f"{len(refused)} records are larger than a broker takes; they were not sent")
    return sent


def publish_files(store: Store, files: Sequence[str], on_progress: OnProgress) -> int:
    """Publish the lines of files; those too large for a broker are refused into quarantine. How many there were."""
    too_large: list[TooLarge] = []
    events = EventFiles(files, too_large.append)
    asyncio.run(publish(store.kafka, _told(events, on_progress)))
    gateway = Gateway(store.dsn)
    try:
        for line in too_large:
            where, digest = f"line {line.line} of {Path(line.file).name}", f"{line.sha256}:{line.nth}"
            patiently(partial(refuse_too_large, gateway, where, line.size_bytes, digest, RECORD_MAX_BYTES))
    finally:
        gateway.close()
    return events.lines


def consume_all(store: Store, on_progress: OnProgress) -> None:
    """Take in everything that is published by now."""
    made: list[Intake] = []

    def intake() -> Intake:
        made.append(Intake(store.dsn))
        return made[-1]

    try:
        run_until_caught_up(
            store.kafka,
            intake,
            group_id=store.settings.group_id,
            on_progress=lambda done, total: on_progress("consuming", done, total),
            max_records=store.settings.batch_max_records,
            patience_seconds=_CONSUMING_PATIENCE_S,
        )
    finally:
        for each in made:
            each.close()


def advance_clock(store: Store, until: datetime | None, on_progress: OnProgress) -> datetime | None:
    """Do what the clock drives, up to `until` or the latest event time; the moment it was moved to."""
    clock = Clock(store.dsn)
    done = 0

    def report(stage: str, count: int) -> None:
        nonlocal done
        done += count
        on_progress(f"clock: {stage}", done, None)

    try:
        moment = until or patiently(clock.event_time)
        if moment is not None:
            patiently(lambda: clock.advance(moment, report))
        return moment
    finally:
        clock.close()


def count(store: Store) -> Tally:
    """How all records of the store were taken."""
    gateway = Gateway(store.dsn)
    try:
        with gateway.transaction() as cursor:
            return positions.totals(cursor)
    finally:
        gateway.close()


def settle(
    store: Store, files: Sequence[str], out: Path, until: datetime | None, on_progress: OnProgress
) -> dict[str, Any]:
    """The main job: publish the events of files, consume, do what the clock drives, project, send, write files.

    Whatever an interrupted call left in Kafka is taken in first, and does not count. The summary of this call.
    """
    began = time.monotonic()
    consume_all(store, on_progress)
    before = patiently(lambda: count(store))
    events_in = publish_files(store, files, on_progress)
    consume_all(store, on_progress)
    taken = patiently(lambda: count(store)) - before
    advance_clock(store, until, on_progress)
    patiently(lambda: catch_up(store.dsn))
    drain(store.kafka, store.dsn)
    seconds = time.monotonic() - began
    summary = {
        "events_in": events_in,
        "accepted": taken.accepted,
        "duplicates": taken.duplicates,
        "conflicts": taken.conflicts,
        "dead_lettered": taken.dead_lettered,
        "wall_seconds": round(seconds, 3),
        "events_per_second": round(events_in / seconds) if seconds else 0,
    }
    on_progress("writing files", 0, None)
    patiently(lambda: export(store.dsn, out, store.platform, summary))
    return summary


def _told(records: Iterable[Outgoing], on_progress: OnProgress) -> Iterator[Outgoing]:
    for number, record in enumerate(records, 1):
        if number % 500 == 0:
            on_progress("publishing", number, None)
        yield record
