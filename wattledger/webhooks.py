"""The piece that sends webhooks and notices: two threads tell of what happens, beside them a loop sends it."""

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from tenacity import wait_exponential

from ledger.patience import Patience, Stopping, as_async_event
from wattledger.serving import webhook_seal, webhook_targets

if TYPE_CHECKING:
    from wattledger.monitoring.signs import Signs
    from wattledger.store import Store

_RETRY_S_MAX = 5.0
# The loop that sends has one connection for what it takes and one for what came of it.
_CONNECTIONS = 2


def send_webhooks(store: "Store", stop: threading.Event, signs: "Signs") -> None:
    """Tell of what happens, and send it, until `stop` is set; a database that is away is waited for."""
    from concurrent.futures import ThreadPoolExecutor

    from ledger.login import surface_login
    from projections.notices.feed import follow_forever as queue_notices
    from projections.webhook_feed import follow_forever as queue_webhooks

    dsn = surface_login(store.dsn, store.settings.data_dir)
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="feed") as threads:
        feeds = [
            threads.submit(queue_webhooks, dsn, stop, lambda: signs.moves("feed")),
            threads.submit(queue_notices, dsn, stop, lambda: signs.moves("notice_feed")),
        ]
        # Without a feed nothing is told: the end of one, whatever the reason, is the end of all.
        for feed in feeds:
            feed.add_done_callback(lambda _: stop.set())
        try:
            asyncio.run(_send(store, dsn, stop, signs))
        finally:
            stop.set()
        for feed in feeds:
            feed.result()


async def _send(store: "Store", dsn: str, stop: threading.Event, signs: "Signs") -> None:
    from api.outward.client import Outward
    from api.outward.webhooks import Sender
    from ledger.access.door import Door

    door, outward = Door(dsn, _CONNECTIONS), Outward(webhook_targets(store.settings))
    sender = Sender(door, webhook_seal(store.settings), outward)
    patience = Patience(wait_exponential(multiplier=0.1, max=_RETRY_S_MAX))

    def went_round(taken: int, failed: int) -> None:
        signs.moves("sender")
        patience.worked()
        if taken or failed:
            signs.add(webhooks_taken=taken, webhooks_failed=failed)

    try:
        with suppress(Stopping):
            async with as_async_event(stop) as stopping:

                async def send_on() -> None:
                    signs.moves("sender")
                    await sender.run(stopping, went_round)

                await patience.do_async(send_on, stopping)
    finally:
        await outward.close()
        sender.close()
        door.close()
