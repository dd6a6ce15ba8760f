"""The piece that sends webhooks, and notices to operators: threads tell of what happens, loops send what is due."""

import asyncio
import threading
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

from tenacity import wait_exponential

from ledger.patience import Patience, Stopping, as_async_event
from wattledger.notifying import by_mail, by_webhook
from wattledger.serving import webhook_seal, webhook_targets

if TYPE_CHECKING:
    from api.outward.sending import Sender
    from wattledger.monitoring.signs import Signs
    from wattledger.store import Store

_RETRY_S_MAX = 5.0
# A loop that sends has one connection for what it takes and one for what came of it.
_CONNECTIONS = 2
# By loop what its deliveries are called in figures.
_COUNTS = {"sender": "webhooks", "notices": "notices", "mail": "mails"}


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
    """Each kind of delivery has a loop and connections of its own: none waits for another's outage."""
    from api.outward.client import Outward
    from api.outward.sending import Sender
    from api.outward.webhooks import WebhookQueue
    from ledger.access.door import Door

    settings = store.settings
    with ExitStack() as ending:

        def door() -> Door:
            made = Door(dsn, _CONNECTIONS)
            ending.callback(made.close)
            return made

        outward = Outward(webhook_targets(settings))
        senders: list[tuple[str, Sender[Any]]] = [
            ("sender", Sender(WebhookQueue(door(), webhook_seal(settings), outward))),
            ("notices", by_webhook(settings, door(), outward)),
        ]
        mail = by_mail(settings, door())
        if mail is None:
            signs.drops("mail")
        else:
            senders.append(("mail", mail))
        for _, sender in senders:
            ending.callback(sender.close)
        try:
            async with as_async_event(stop) as stopping:
                await asyncio.gather(*(_send_on(loop, sender, stopping, signs) for loop, sender in senders))
        finally:
            await outward.close()


async def _send_on(loop: str, sender: "Sender[Any]", stopping: asyncio.Event, signs: "Signs") -> None:
    patience = Patience(wait_exponential(multiplier=0.1, max=_RETRY_S_MAX))
    count = _COUNTS[loop]

    def went_round(taken: int, failed: int) -> None:
        signs.moves(loop)
        patience.worked()
        if taken or failed:
            signs.add(**{f"{count}_taken": taken, f"{count}_failed": failed})

    async def send_on() -> None:
        signs.moves(loop)
        await sender.run(stopping, went_round)

    with suppress(Stopping):
        await patience.do_async(send_on, stopping)
