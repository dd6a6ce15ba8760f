"""Anchors of the book leave the database: to the topic `settlement.anchors`, and to a file that it cannot reach.

They are made in a thread of their own, in transactions of their own: neither who writes entries nor what is sent
waits for the tree. What was made is sent and then noted in the file, so that what a crash held back leaves later.
"""

import asyncio
import logging
import time
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import orjson

from consumers.heads import HeadFile
from consumers.publisher import Outgoing, Publisher
from contracts.outgoing import OUTBOUND_TOPIC_OF, encode
from ledger.book.anchors import (
    Anchor,
    AnyCursor,
    Reason,
    SignerOf,
    anchor,
    anchor_document,
    anchor_of,
    anchors_behind,
    book_id,
    is_time,
)
from ledger.errors import MachineryFault
from ledger.gateway import Gateway

_log = logging.getLogger(__name__)

MADE = "settlement.anchor.made"
# So often it is asked whether it is time for an anchor.
_LOOK_S = 15.0
_SENT_AT_ONCE = 1_000
# So often an anchor is tried by who ends with it.
_TRIES = 3


class AnchorKeeper:
    """Makes anchors when payouts left and when it is time, one at a time; sends them, and keeps them in the file."""

    def __init__(self, dsn: str, signer_of: SignerOf, file: Path, every: timedelta, zone: str) -> None:
        self._dsn, self._signer_of, self._every, self._zone = dsn, signer_of, every, zone
        self._file = HeadFile(file, "number")
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="anchors")
        self._making: Future[None] | None = None
        self._wanted: Reason | None = None
        self._looked_s = float("-inf")
        self._sent: int | None = None

    def look(self, *, pays: bool = False, closes: bool = False) -> None:
        """Begin with an anchor if one is due, unless one is under way.

        `pays` is whether payouts just left, `closes` whether a period was closed, which is anchored although nothing
        is new.
        """
        if pays or closes:
            self._want(Reason.CLOSE if closes else Reason.BATCH)
        if self._making is not None and not self._making.done():
            return
        now_s = time.monotonic()
        if self._wanted or now_s - self._looked_s >= _LOOK_S:
            reason, self._wanted, self._looked_s = self._wanted or Reason.TIME, None, now_s
            self._making = self._thread.submit(self._make, reason)

    async def made(self) -> None:
        """Wait until no anchor is under way, nor one that was asked for meanwhile or has to be tried again."""
        for _ in range(_TRIES):
            if self._making is not None:
                await asyncio.wrap_future(self._making)
            if self._wanted is None:
                return
            self.look()

    async def send(self, publisher: Publisher, cursor: AnyCursor) -> None:
        """Send the anchors that were not, and note them in the file; raises MachineryFault."""
        while anchors := list(anchors_behind(cursor, self._last_sent(cursor), _SENT_AT_ONCE)):
            await publisher.send_all(map(record_of, anchors))
            await publisher.flush()
            for each in anchors:
                self._keep(each)

    async def close(self) -> None:
        """Wait for what is under way, and end."""
        await asyncio.to_thread(self._thread.shutdown)

    def _want(self, reason: Reason) -> None:
        self._wanted = Reason.CLOSE if Reason.CLOSE in (reason, self._wanted) else reason

    def _make(self, reason: Reason) -> None:
        """An anchor, if there is something new; where none can be made now a log line says why."""
        gateway = Gateway(self._dsn)
        try:
            if reason is Reason.TIME:
                with gateway.transaction() as cursor:
                    if not is_time(cursor, self._every):
                        return
            anchor(gateway, reason, self._signer_of, self._zone)
        except MachineryFault as fault:
            if reason is not Reason.TIME:
                self._want(reason)
            _log.warning("no anchor of the book could be made; it is tried again", extra={"reason": str(fault)})
        except Exception as refused:
            # Payouts go on: the entries are in the next anchor that somebody can make.
            _log.error("no anchor of the book can be made, and it goes on without", extra={"reason": str(refused)})
        finally:
            gateway.close()

    def _last_sent(self, cursor: AnyCursor) -> int:
        if self._sent is None:
            told, last = self._file.last(), anchor_of(cursor)
            is_ours = told.get("book") == str(book_id(cursor))
            # Fewer are there where a backup was taken back: its anchors are told from there on.
            self._sent = min(int(told["number"]), last.number if last else 0) if is_ours else 0
        return self._sent

    def _keep(self, made: Anchor) -> None:
        self._sent = made.number
        try:
            self._file.append(orjson.dumps(anchor_document(made)))
        except OSError as error:
            _log.error(
                "an anchor of the book cannot be written and is on the topic alone: make room or let us write there",
                extra={"file": str(self._file.path), "reason": error.strerror or str(error), "number": made.number},
            )


def record_of(made: Anchor) -> Outgoing:
    """The record of an anchor."""
    book = str(made.book)
    value = encode(MADE, f"{book}/{made.number}", book, made.anchored_at, anchor_document(made))
    return Outgoing(OUTBOUND_TOPIC_OF[MADE], book.encode(), value)
