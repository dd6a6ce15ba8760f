"""The bounded queue before the group committer: entries wait here in the order they came and are taken as sets."""

import time
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import StrEnum
from math import ceil
from threading import Condition, Lock
from uuid import UUID

from domain.book.journal import Entry
from ledger.errors import GroupCommitClosed, MachineryFault


class Outcome(StrEnum):
    """What became of an entry that is in the book: written by this call, or there before with the same content."""

    POSTED = "POSTED"
    ALREADY_POSTED = "ALREADY_POSTED"


@dataclass(frozen=True, slots=True, eq=False)
class Command:
    """An entry to post, and the answer that its caller waits for."""

    entry: Entry
    answer: Future[Outcome] = field(default_factory=Future)


class CommandQueue:
    """At most `queue_max` commands; any number of threads put, `takers` take sets of at most `set_max`."""

    def __init__(self, queue_max: int, set_max: int, gather_s_max: float, takers: int) -> None:
        if min(queue_max, set_max, takers) < 1 or gather_s_max < 0:
            raise ValueError("a queue has room for at least one command, as a set has, and at least one taker")
        self._queue_max, self._set_max, self._gather_s_max = queue_max, set_max, gather_s_max
        self._takers = takers
        lock = Lock()
        self._room, self._work = Condition(lock), Condition(lock)
        self._waiting: deque[Command] = deque()
        self._in_flight = 0
        # How many waiting commands wake a taker, for each that sleeps: it is not woken for each of them.
        self._wanted: list[int] = []
        self._closed = False

    def put(self, command: Command, patience_s: float) -> None:
        """Queue a command; waits while the queue is full.

        Raises MachineryFault when there is no room for `patience_s` seconds, and GroupCommitClosed after close.
        """
        with self._room:
            self._await_room(patience_s)
            if self._closed:
                raise GroupCommitClosed(f"entry {command.entry.entry_id} came after the close and was not taken")
            self._waiting.append(command)
            if len(self._waiting) in self._wanted:
                self._work.notify_all()

    def take(self, answered: int) -> list[Command]:
        """The next set in the order of arrival; waits for a first command, and is empty once closed and done.

        `answered` is the size of the taker's last set, 0 at first. Callers that are answered tend to come back: a
        moment is spent waiting until a fair share of all who were active is there. No two of a set have the same id:
        it ends before the second one, whose answer depends on what becomes of the first. What its caller has
        cancelled is left out.
        """
        with self._work:
            share = ceil((len(self._waiting) + self._in_flight) / self._takers)
            self._in_flight -= answered
            while self._waiting or not self._closed:
                self._wait_for(1, None)
                self._wait_for(min(share, self._set_max, self._queue_max), self._gather_s_max)
                if taken := self._pop_set():
                    self._in_flight += len(taken)
                    return taken
            return []

    def close(self) -> None:
        """Take no more; what waits is still handed out."""
        with self._room:
            self._closed = True
            self._room.notify_all()
            self._work.notify_all()

    def _await_room(self, patience_s: float) -> None:
        if len(self._waiting) >= self._queue_max:
            self._drop_cancelled()
        until = time.monotonic() + patience_s
        while len(self._waiting) >= self._queue_max and not self._closed:
            if not self._room.wait(until - time.monotonic()):
                raise MachineryFault(
                    f"{self._queue_max} entries wait and there was no room for {patience_s} s: this one was not "
                    "taken; post it again when the database answers"
                )

    def _drop_cancelled(self) -> None:
        """Forget what nobody waits for any more, so that it keeps nobody out."""
        kept = [command for command in self._waiting if not command.answer.cancelled()]
        self._waiting.clear()
        self._waiting.extend(kept)

    def _wait_for(self, wanted: int, patience_s: float | None) -> None:
        """Sleep until so many wait, or all that ever will, or the patience ends."""
        self._wanted.append(wanted)
        self._work.wait_for(lambda: self._closed or len(self._waiting) >= wanted, patience_s)
        self._wanted.remove(wanted)

    def _pop_set(self) -> list[Command]:
        taken: dict[UUID, Command] = {}
        while self._waiting and len(taken) < self._set_max and self._waiting[0].entry.entry_id not in taken:
            command = self._waiting.popleft()
            if command.answer.set_running_or_notify_cancel():
                taken[command.entry.entry_id] = command
        self._room.notify_all()
        return list(taken.values())
