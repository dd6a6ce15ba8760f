"""Tokens of roaming drivers beside the server: lists that are pulled, and questions of gateways that are answered."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ledger.patience import as_async_event, wait_for_event

if TYPE_CHECKING:
    from api.ocpi.charge_tokens.partners import Partners
    from api.ocpi.surface import OcpiSurface
    from api.publishing import Publisher

_LOOK_S = 1.0
_AGAIN_S = 5.0

_log = logging.getLogger(__name__)


@contextmanager
def charge_tokens_kept(
    group_id: str,
    surface: "OcpiSurface",
    publisher: "Publisher",
    brokers: Callable[[], Mapping[str, Any] | None],
) -> Iterator[None]:
    """Pull lists and answer questions while the block runs, in a thread with an event loop of its own.

    `brokers` gives the options of Kafka's clients, None while nobody knows where brokers are; those who read are in a
    group of their own, named after `group_id`.
    """
    stop = threading.Event()

    def run() -> None:
        asyncio.run(_run(group_id, surface, publisher, brokers, stop))

    thread = threading.Thread(target=run, name="charge tokens", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


async def _run(
    group_id: str,
    surface: "OcpiSurface",
    publisher: "Publisher",
    brokers: Callable[[], Mapping[str, Any] | None],
    stop: threading.Event,
) -> None:
    from api.ocpi.charge_tokens.partners import Partners
    from api.ocpi.charge_tokens.upkeep import keep_up

    async with as_async_event(stop) as over, Partners(surface) as partners:
        await asyncio.gather(
            _for_ever(lambda: keep_up(surface, partners, over), over),
            _for_ever(lambda: _questions(group_id, surface, partners, publisher, brokers, stop, over), over),
        )


async def _questions(
    group_id: str,
    surface: "OcpiSurface",
    partners: "Partners",
    publisher: "Publisher",
    brokers: Callable[[], Mapping[str, Any] | None],
    stop: threading.Event,
    over: asyncio.Event,
) -> None:
    """Answer once there is a partner whose drivers may come; before, nobody reads."""
    from api.ocpi.charge_tokens.answering import Answering, Asked
    from api.ocpi.charge_tokens.upkeep import has_partners
    from consumers.questions import read_questions

    while not over.is_set() and not await has_partners(surface):
        await wait_for_event(over, _LOOK_S)
    answering = Answering(surface, partners, publisher)

    def asked(record: Any) -> Asked:
        written_at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
        return Asked(record.partition, record.offset, record.key, record.headers, record.value, written_at)

    async def take(records: Sequence[Any]) -> None:
        await answering.take([asked(each) for each in records])

    await read_questions(brokers, take, stop, group_id)


async def _for_ever(work: Callable[[], Awaitable[None]], over: asyncio.Event) -> None:
    """Begin again after a fault of ours, which is told: the server goes on, and so does this."""
    while not over.is_set():
        try:
            await work()
        except Exception:
            _log.exception("tokens are not looked after; trying again in %d s", _AGAIN_S)
            await wait_for_event(over, _AGAIN_S)
