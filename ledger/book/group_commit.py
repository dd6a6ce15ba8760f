"""Group commit: single entries that many callers post at once are written as sets, each set one transaction.

An entry that arrives while a set is being written joins the next one. So a commit is paid once a set and not once a
caller, while each caller gets the outcome of its own entry, and only when that is durable.
"""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import Future
from threading import Thread
from types import TracebackType
from typing import Self

from domain.book.journal import Entry
from ledger.book.canonical import HASH_VERSION, entry_hash
from ledger.book.command_queue import Command, CommandQueue, Outcome
from ledger.book.journal import FEW, post_entries, write_entries
from ledger.errors import EntryExists, EntryRefused, LedgerError, MachineryFault
from ledger.gateway import Gateway

__all__ = ["AsyncGroupCommit", "GroupCommit", "Outcome"]

QUEUE_MAX = 10_000
SET_MAX = 1_000
# Two overlap Python's part of a set with the database's; more make the sets smaller and win nothing.
WRITERS = 2
# Callers that were just answered need about so long to come back with their next entry, 32 of them in one process.
GATHER_S_MAX = 0.002
PATIENCE_S = 30.0

# The content that the book has under these ids, as the hashes which seal it.
_STORED = "SELECT entry_id, hash_version, hash FROM book.entry WHERE entry_id = ANY(%s)"


class GroupCommit:
    """Posts single entries for any number of threads, through a connection of each of its writers.

    At most `queue_max` entries wait; more callers wait for room. At most `set_max` are written in one transaction.
    While one of the `writers` waits for the database, another one makes the next set. A writer that has answered
    its callers gives them `gather_s_max` seconds to come back, so that sets do not fall apart; a caller who is alone
    waits for nobody. Nobody waits longer than `patience_s` for an outcome. Use it as a context manager, or close it.
    """

    def __init__(
        self,
        dsn: str,
        *,
        queue_max: int = QUEUE_MAX,
        set_max: int = SET_MAX,
        writers: int = WRITERS,
        gather_s_max: float = GATHER_S_MAX,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._queue = CommandQueue(queue_max, set_max, gather_s_max, writers)
        self._patience_s = patience_s
        # Daemons, so that a program that forgot to close still ends.
        self._threads = [
            Thread(target=_SetWriter(dsn, self._queue).run, name=f"group-commit-{number}", daemon=True)
            for number in range(1, writers + 1)
        ]
        for thread in self._threads:
            thread.start()

    def post(self, entry: Entry) -> Outcome:
        """Write an entry; returns when it is durable, or when the same entry was in the book before.

        Raises EntryExists when the book has another content under its id or another reversal of what it reverses,
        EntryRefused when the book does not take it, GroupCommitClosed when it came too late, and MachineryFault
        when the server is gone or does not answer: then it may be written or not, and posting it again tells.
        """
        until = time.monotonic() + self._patience_s
        answer = self.submit(entry)
        try:
            return answer.result(max(0.0, until - time.monotonic()))
        except TimeoutError:
            # Not one of the server's: those are MachineryFault by now.
            answer.cancel()
            raise _no_outcome(entry, self._patience_s) from None

    def submit(self, entry: Entry) -> Future[Outcome]:
        """Queue an entry; the future gives what `post` returns or raises. Waits for room when the queue is full.

        A future that is cancelled before its set is taken is not written.
        """
        command = Command(entry)
        self._queue.put(command, self._patience_s)
        return command.answer

    def close(self) -> None:
        """Take no more entries, write what is queued, answer every caller; may be called again."""
        self._queue.close()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncGroupCommit:
    """The same for the tasks of an event loop, which is never blocked; closed with `async with` or `aclose`."""

    def __init__(
        self, dsn: str, *, queue_max: int = QUEUE_MAX, set_max: int = SET_MAX, patience_s: float = PATIENCE_S
    ) -> None:
        self._inner = GroupCommit(dsn, queue_max=queue_max, set_max=set_max)
        # Counted until its answer is there, so that the queue below always has room and putting never waits.
        self._room = asyncio.Semaphore(queue_max)
        self._patience_s = patience_s

    async def post(self, entry: Entry) -> Outcome:
        """As GroupCommit.post. A task cancelled meanwhile learns no outcome; posting the entry again tells it."""
        try:
            async with asyncio.timeout(self._patience_s):
                return await asyncio.wrap_future(await self._submit(entry))
        except TimeoutError:
            raise _no_outcome(entry, self._patience_s) from None

    async def _submit(self, entry: Entry) -> Future[Outcome]:
        loop = asyncio.get_running_loop()
        await self._room.acquire()
        try:
            answer = self._inner.submit(entry)
        except BaseException:
            self._room.release()
            raise
        answer.add_done_callback(lambda _: loop.call_soon_threadsafe(self._room.release))
        return answer

    async def aclose(self) -> None:
        """As GroupCommit.close."""
        await asyncio.to_thread(self._inner.close)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class _SetWriter:
    """Takes sets from the queue, writes each and answers its callers."""

    def __init__(self, dsn: str, queue: CommandQueue) -> None:
        self._gateway, self._queue = Gateway(dsn), queue

    def run(self) -> None:
        """Until the queue is closed and empty."""
        answered = 0
        try:
            while commands := self._queue.take(answered):
                self._write(commands)
                answered = len(commands)
        finally:
            self._gateway.close()

    def _write(self, commands: Sequence[Command]) -> None:
        """Write a set and answer all of it; whatever goes wrong is told to the callers it concerns, and to no other.

        A set that breaks is halved, in the order of arrival, until what breaks stands alone.
        """
        try:
            self._write_set([command.entry for command in commands])
        except MachineryFault as fault:
            _answer_unavailable(commands, fault)
        except EntryExists as refusal:
            self._tell_known(commands, refusal)
        except Exception as refusal:  # Somebody waits for every command, so that none may be left without an answer.
            self._halve(commands, refusal)
        else:
            for command in commands:
                command.answer.set_result(Outcome.POSTED)

    def _write_set(self, entries: Sequence[Entry]) -> None:
        if len(entries) <= FEW:
            with self._gateway.statement() as cursor:
                post_entries(cursor, entries, self._gateway.shard)
        else:
            with self._gateway.transaction() as cursor:
                write_entries(cursor, entries, self._gateway.shard)

    def _tell_known(self, commands: Sequence[Command], refusal: EntryExists) -> None:
        """Answer what the book has under its id, and write the others again."""
        try:
            with self._gateway.transaction() as cursor:
                rows = cursor.execute(_STORED, ([command.entry.entry_id for command in commands],)).fetchall()
        except MachineryFault as fault:
            _answer_unavailable(commands, fault)
            return
        except Exception as fault:  # As above: nobody is left without an answer.
            self._halve(commands, fault)
            return
        stored = {entry_id: (version, bytes(digest)) for entry_id, version, digest in rows}
        unknown = [command for command in commands if command.entry.entry_id not in stored]
        for command in commands:
            if found := stored.get(command.entry.entry_id):
                _answer_known(command, found)
        if len(unknown) == len(commands):
            self._halve(commands, refusal)
        elif unknown:
            self._write(unknown)

    def _halve(self, commands: Sequence[Command], refusal: Exception) -> None:
        if len(commands) == 1:
            commands[0].answer.set_exception(_for_one(commands[0].entry, refusal))
            return
        middle = len(commands) // 2
        self._write(commands[:middle])
        self._write(commands[middle:])


def _answer_known(command: Command, stored: tuple[int, bytes]) -> None:
    entry = command.entry
    if stored == (HASH_VERSION, entry_hash(entry)):
        command.answer.set_result(Outcome.ALREADY_POSTED)
        return
    command.answer.set_exception(
        EntryExists(
            f"entry {entry.kind} {entry.entry_id} is in the book with another content: nothing was written; give "
            "this one an id of its own, or reverse that one"
        )
    )


def _answer_unavailable(commands: Sequence[Command], fault: MachineryFault) -> None:
    for command in commands:
        # One for each caller: threads that raise the same exception would write into each other's traceback.
        told = MachineryFault(f"{fault}; entry {command.entry.entry_id}: post it again to learn of it")
        told.__cause__ = fault
        command.answer.set_exception(told)


def _no_outcome(entry: Entry, patience_s: float) -> MachineryFault:
    return MachineryFault(
        f"entry {entry.kind} {entry.entry_id} has no outcome after {patience_s} s and may be written yet; "
        "post it again to learn of it"
    )


def _for_one(entry: Entry, refusal: Exception) -> Exception:
    """What the caller of a refused entry is told: EntryRefused, whatever it was that could not take the entry."""
    if isinstance(refusal, LedgerError):
        return refusal
    what = f"{type(refusal).__name__}: {refusal}".strip()
    told = EntryRefused(
        f"entry {entry.kind} {entry.entry_id} cannot be written ({what}); nothing of it is in the book"
    )
    told.__cause__ = refusal
    return told
