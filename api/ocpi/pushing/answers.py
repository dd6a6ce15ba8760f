"""What partners answered about CDRs, written down and told to the book: a thread of its own for a whole process.

An answer that has come is kept until it is written, whatever becomes of who asked: with the database away for a
moment it is not asked for again. The book learns it through Kafka, as from everybody else; what was told twice says
the same under the same id, and counts once.
"""

import logging
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from datetime import timedelta
from functools import partial
from queue import Empty, SimpleQueue
from typing import TypeAlias
from uuid import NAMESPACE_URL

import orjson

from api.publishing import Publisher, Record
from contracts.messages import TOPIC_OF, key_of
from domain.calendar import utc_text
from domain.named_ids import named_id
from ledger.access.door import Door
from ledger.errors import MachineryFault
from projections.roaming.deliveries import Answer, DeliveryState, Outcome, told, untold, write

SOURCE = "urn:wattledger:ocpi"
ACCEPTED, REJECTED = "roaming.cdr_accepted", "roaming.cdr_rejected"

# How often it is looked for answers that another process could not tell, which are older than what this one has in
# hand; how many are told at once, and how long the brokers have for them.
_LOOK_S = 5.0
_NOT_MINE = timedelta(seconds=10)
_AT_ONCE = 200
_PUBLISH_S = 6.0
_RETRY_S, _RETRY_S_MAX = 0.2, 30.0
# What has come and is not written when the process ends is waited for so long.
_END_S = 5.0
_REASON_MAX = 200
# How often it is said that answers wait.
_SAY_S = 60.0

_log = logging.getLogger(__name__)

_Waiting: TypeAlias = tuple[Outcome, "Future[None]"]


class Answers:
    """Writes down what came of attempts, a group of them at a time, and tells the book; from `start` to `close`."""

    def __init__(self, door: Door, publisher: Publisher) -> None:
        """`door` is its own, of two connections."""
        self._door, self._publisher = door, publisher
        self._waiting: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._over, self._to_tell = threading.Event(), threading.Event()
        self._threads = [
            threading.Thread(target=run, name=name, daemon=True)
            for run, name in ((self._write_on, "cdr answers"), (self._tell_on, "cdr answers told"))
        ]

    def start(self) -> None:
        """Begin; answers that were not told before the last end are told now."""
        self._to_tell.set()
        for each in self._threads:
            each.start()

    def close(self) -> None:
        """End; what has come is written first, where the database answers."""
        self._over.set()
        self._to_tell.set()
        self._waiting.put(None)
        for each in self._threads:
            each.join(_END_S + _PUBLISH_S)

    def put(self, outcome: Outcome) -> "Future[None]":
        """Write down what came of an attempt; done once that is committed. Any thread may give it."""
        waiting: Future[None] = Future()
        self._waiting.put((outcome, waiting))
        return waiting

    def _write_on(self) -> None:
        while True:
            is_last = self._over.is_set()
            if taken := self._taken(0 if is_last else _LOOK_S):
                self._write(taken)
                self._to_tell.set()
            elif is_last:
                return

    def _taken(self, wait_s: float) -> list[_Waiting]:
        """All that has come, once there is something."""
        found: list[_Waiting] = []
        try:
            each = self._waiting.get(block=wait_s > 0, timeout=wait_s or None)
            while True:
                if each is not None:
                    found.append(each)
                each = self._waiting.get_nowait()
        except Empty:
            return found

    def _write(self, taken: Sequence[_Waiting]) -> None:
        until = float("inf")
        while True:
            try:
                with self._door.transaction() as cursor:
                    write(cursor, [outcome for outcome, _ in taken])
                break
            except MachineryFault as fault:
                if self._over.is_set():
                    until = min(until, time.monotonic() + _END_S)
                if time.monotonic() > until:
                    _log.warning("%s; %d answers of partners were not written", fault, len(taken))
                    _end(taken, fault)
                    return
                time.sleep(_RETRY_S)
            except Exception as error:
                # A fault of ours: whoever waits hears of it, and what comes next is written.
                _log.exception("%d answers of partners could not be written", len(taken))
                _end(taken, error)
                return
        _end(taken)

    def _tell_on(self) -> None:
        failures, older, say_at = 0, timedelta(0), 0.0
        while not self._over.is_set():
            self._to_tell.clear()
            try:
                while self._tell_some(older) == _AT_ONCE and not self._over.is_set():
                    pass
                failures, say_at = 0, 0.0
            except Exception as fault:
                pause_s = min(_RETRY_S_MAX, 2.0**failures)
                failures += 1
                # Brokers and a database that are away come back; anything else is a fault of ours.
                is_ours = not isinstance(fault, MachineryFault | TimeoutError)
                level = logging.WARNING if time.monotonic() >= say_at else logging.DEBUG
                if level == logging.WARNING:
                    say_at = time.monotonic() + _SAY_S
                _log.log(level, "answers of partners wait to be told to the book: %s", fault, exc_info=is_ours)
                self._over.wait(pause_s)
                continue
            # What another process has in hand is left to it for a while.
            older = timedelta(0) if self._to_tell.wait(_LOOK_S) else _NOT_MINE

    def _tell_some(self, older: timedelta) -> int:
        with self._door.transaction() as cursor:
            answers = untold(cursor, _AT_ONCE, older)
        if answers:
            places = self._publisher.publish([record_of(each) for each in answers]).result(_PUBLISH_S)
            at = [(answer, partition, offset) for answer, (partition, offset) in zip(answers, places, strict=True)]
            with self._door.transaction() as cursor:
                told(cursor, at)
        return len(answers)


def record_of(answer: Answer) -> Record:
    """The record of an answer: of the same answer always the same one."""
    type_ = ACCEPTED if answer.state == DeliveryState.ACCEPTED else REJECTED
    name = partial("{}:{}:{}:{}:{}".format, answer.partner, answer.operator_id, answer.object_id)
    id_ = named_id(NAMESPACE_URL, f"wattledger:ocpi:{name(answer.orders, answer.state)}")
    at = utc_text(answer.answered_at)
    data = {"cdr_id": answer.cdr_id, "partner": answer.partner, "at": at}
    if answer.reason:
        data["reason"] = answer.reason[:_REASON_MAX]
    head = {"specversion": "1.0", "id": str(id_), "source": SOURCE, "type": type_, "subject": answer.partner}
    event = {**head, "time": at, "data": data}
    return TOPIC_OF[type_], key_of(type_, data).encode(), orjson.dumps(event), ()


def _end(taken: Sequence[_Waiting], error: Exception | None = None) -> None:
    """Let who waits go on; who was told to end meanwhile waits no more."""
    for _, waiting in taken:
        if waiting.set_running_or_notify_cancel():
            if error is None:
                waiting.set_result(None)
            else:
                waiting.set_exception(error)
