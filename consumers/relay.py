"""The outbox relay: what was decided in the database goes out on Kafka, in order by key, at least once.

A row is deleted in the transaction that read it, after the broker acknowledged its record: a relay that dies in
between leaves the row, and the next one sends the same record, with the same id, again.
"""

import asyncio
import logging
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from tenacity import stop_after_delay, wait_fixed

from consumers.anchors import AnchorKeeper
from consumers.heads import HeadKeeper
from consumers.outgoing import all_outgoing
from consumers.publisher import RECORD_MAX_BYTES, Outgoing, Publisher
from consumers.watch import UNWATCHED, Watch
from ledger.errors import MachineryFault, NeedsHelp
from ledger.events.chain import Head, current_head
from ledger.events.store import event_id
from ledger.gateway import Gateway
from ledger.intake import outbox
from ledger.intake.outbox import PendingEvent, PendingLetter
from ledger.patience import Patience, Stopping, Words, until_async

_log = logging.getLogger(__name__)

BATCH_ROWS = 200
_PAYOUTS = "settlement.batches"
_CLOSED = "PeriodClosed"
# Each batch is a transaction, and a wait for the broker; what is drained is much, and nobody waits for one of them.
_DRAIN_ROWS = 1_000
_LOOK_SECONDS = 0.2
_RETRY_SECONDS = 0.5
_STOP_SECONDS = 5.0
DRAIN_PATIENCE_SECONDS = 120.0


class Relay:
    """Sends the outbox, heads of the chain and anchors of the book; those are made beside it, in another thread.

    Its database calls are short and block: give it a loop of its own.
    """

    def __init__(
        self,
        gateway: Gateway,
        publisher: Publisher,
        batch_rows: int = BATCH_ROWS,
        heads: HeadKeeper | None = None,
        anchors: AnchorKeeper | None = None,
    ) -> None:
        self._gateway, self._batch_rows = gateway, batch_rows
        self._publisher, self._heads, self._anchors = publisher, heads, anchors
        self._set_aside: set[int] = set()

    async def send_batch(self) -> int:
        """Sends the next rows, if it is our turn, and deletes them; answers how many records that were.

        Raises MachineryFault; what was sent by then is sent again later.
        """
        with self._gateway.transaction() as cursor:
            if not outbox.take_turn(cursor):
                return 0
            rows = outbox.pending(cursor, self._batch_rows, self._set_aside)
            records = {row.outbox_id: made for row in rows if (made := self._records(row))}
            await self._publisher.send_all(record for made in records.values() for record in made)
            pays = any(row.topic == _PAYOUTS for row in rows)
            # Behind the payouts that it binds, whose rows are there until it is sent.
            if self._heads is not None:
                await self._send_head(self._heads, current_head(cursor), pays)
            await self._publisher.flush()
            outbox.delete(cursor, list(records))
        # Behind that: where anchors cannot be sent all else leaves.
        if self._anchors is not None:
            self._anchors.look(pays=pays, closes=any(map(_closes, rows)))
            with self._gateway.transaction() as cursor:
                if outbox.take_turn(cursor):
                    await self._anchors.send(self._publisher, cursor)
        return sum(map(len, records.values()))

    async def send_last(self) -> None:
        """Sends the head of the chain as it is now, unless it was sent, and anchors that are under way.

        Raises MachineryFault.
        """
        if self._anchors is not None:
            await self._anchors.made()
            with self._gateway.transaction() as cursor:
                await self._anchors.send(self._publisher, cursor)
        if self._heads is not None:
            with self._gateway.transaction() as cursor:
                await self._send_head(self._heads, current_head(cursor), by_now=True)
                await self._publisher.flush()

    async def _send_head(self, heads: HeadKeeper, head: Head | None, by_now: bool) -> None:
        if head is not None and heads.is_due(head, by_now=by_now):
            await self._publisher.send_all([heads.keep(head)])

    def is_done(self) -> bool:
        """Whether nothing is left that can be sent, by us or by another relay."""
        with self._gateway.transaction() as cursor:
            return outbox.is_empty(cursor, self._set_aside)

    def first(self) -> int | None:
        """The first row that is left."""
        with self._gateway.transaction() as cursor:
            return outbox.first(cursor, self._set_aside)

    def _records(self, row: PendingEvent | PendingLetter) -> list[Outgoing]:
        """The records of a row. One that nothing can be made of stays where it is and holds up no other."""
        try:
            records = all_outgoing(row)
        except Exception as error:
            _log.error("an outbox row cannot be sent and is left in the outbox", exc_info=error, extra=_about(row))
        else:
            if all(record.size_bytes <= RECORD_MAX_BYTES for record in records):
                return records
            _log.error("an outbox row is larger than a broker takes and is left in the outbox", extra=_about(row))
        self._set_aside.add(row.outbox_id)
        return []


def _closes(row: PendingEvent | PendingLetter) -> bool:
    return isinstance(row, PendingEvent) and row.event_topic == _CLOSED


def _about(row: PendingEvent | PendingLetter) -> dict[str, Any]:
    """What a log line says of a row: the event (`wattledger trace` shows it) or the dead letter it is made of."""
    made_of = (
        {"deadletter": row.letter.deadletter_id}
        if isinstance(row, PendingLetter)
        else {"event": event_id(row.stream_id, row.version)}
    )
    return {"outbox_row": row.outbox_id, "topic": row.topic, **made_of}


async def run_relay(
    client_options: Mapping[str, Any],
    dsn: str,
    stop: threading.Event,
    watch: Watch = UNWATCHED,
    heads: HeadKeeper | None = None,
    anchors: AnchorKeeper | None = None,
) -> None:
    """Relays until the event is set; faults of the database and the brokers are waited out.

    Heads of the chain are sent and kept where `heads` says, and anchors of the book are made where `anchors` does.
    """
    stopping = asyncio.Event()
    relaying = asyncio.create_task(_relay_forever(client_options, dsn, stopping, watch, heads, anchors))

    async def is_over() -> bool:
        watch.moves("relay")
        return stop.is_set() or relaying.done()

    await until_async(is_over, _LOOK_SECONDS)
    stopping.set()
    done, _ = await asyncio.wait([relaying], timeout=_STOP_SECONDS)
    if done:
        relaying.result()
    else:
        relaying.cancel()
        await asyncio.wait([relaying])


async def _relay_forever(
    client_options: Mapping[str, Any],
    dsn: str,
    stopping: asyncio.Event,
    watch: Watch,
    heads: HeadKeeper | None,
    anchors: AnchorKeeper | None,
) -> None:
    gateway, patience = Gateway(dsn), Patience(wait_fixed(_RETRY_SECONDS))

    async def relay_on() -> None:
        async with Publisher(client_options) as publisher:
            relay = Relay(gateway, publisher, heads=heads, anchors=anchors)
            while not stopping.is_set():
                if sent := await relay.send_batch():
                    watch.sent(sent)
                else:
                    await asyncio.sleep(_LOOK_SECONDS)
                patience.worked()

    try:
        with suppress(Stopping):
            await patience.do_async(relay_on, stopping)
    finally:
        if anchors is not None:
            await anchors.close()
        gateway.close()


def drain(
    client_options: Mapping[str, Any],
    dsn: str,
    patience_seconds: float = DRAIN_PATIENCE_SECONDS,
    heads: HeadKeeper | None = None,
    anchors: AnchorKeeper | None = None,
) -> int:
    """Sends all that the outbox holds, from code that is not asynchronous; answers how many records were sent.

    The head of the chain goes out behind it, where `heads` says where it is kept, and so do anchors of the book,
    which `anchors` makes where payouts leave; neither counts.
    Waits where another relay is at it, for as long as that gets on, and says so. Raises MachineryFault when one lasts
    longer than the patience, or that relay sends nothing for so long.
    """
    return asyncio.run(_drain(client_options, dsn, patience_seconds, heads, anchors))


async def _drain(
    client_options: Mapping[str, Any],
    dsn: str,
    patience_seconds: float,
    heads: HeadKeeper | None,
    anchors: AnchorKeeper | None,
) -> int:
    gateway, sent = Gateway(dsn), 0
    patience = Patience(wait_fixed(_RETRY_SECONDS), stop_after_delay(patience_seconds))

    async def send_all() -> None:
        nonlocal sent
        async with Publisher(client_options) as publisher:
            relay = Relay(gateway, publisher, _DRAIN_ROWS, heads, anchors)
            words, first = Words(), None
            while (count := await relay.send_batch()) or not relay.is_done():
                sent += count
                patience.worked()
                if not count:
                    # Another one has the turn, and gets on as long as the first row is another one each time.
                    standing = relay.first()
                    if standing != first:
                        first = standing
                        words.moved()
                    if words.waited_s > patience_seconds:
                        raise NeedsHelp("another process has the relay's turn and sends nothing: end that one")
                    words.say("another process that sends what the outbox holds, and gets no further,")
                    await asyncio.sleep(_LOOK_SECONDS)
                else:
                    words.moved()
            await relay.send_last()

    try:
        await patience.do_async(send_all)
    except NeedsHelp:
        raise
    except MachineryFault as fault:
        raise MachineryFault(
            f"the outbox was not sent within {patience_seconds:.0f} s: {fault}; run it again"
        ) from fault
    finally:
        if anchors is not None:
            await anchors.close()
        gateway.close()
    return sent
