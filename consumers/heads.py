"""Heads of the chain leave the database: to the topic `settlement.heads`, and to a file that it cannot reach."""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from consumers.publisher import Outgoing
from contracts.outgoing import OUTBOUND_TOPIC_OF, encode
from contracts.values import format_time
from ledger.events.chain import Head

_log = logging.getLogger(__name__)

RECORDED = "settlement.head.recorded"
# A line has about 300 bytes.
_TAIL_BYTES = 4096


class HeadKeeper:
    """Says when a head is due, keeps it in the file, and makes its record."""

    def __init__(self, file: Path, every: int) -> None:
        self._file, self._every = HeadFile(file), every
        self._last: Any = None

    def is_due(self, head: Head, *, by_now: bool) -> bool:
        """Whether so many events came since the last head, or fewer are there; `by_now` whether it is another one."""
        if self._last is None:
            self._last = self._file.last()
        if by_now:
            return bool(self._last.get("hash") != head.hash)
        since = head.events - (self._last["events"] if self._last.get("store") == head.store else 0)
        # Fewer are there where a backup was taken back: its heads are told from there on.
        return bool(since >= self._every or since < 0)

    def keep(self, head: Head) -> Outgoing:
        """Note a head in the file, durably, and give its record; where it cannot be written a log line says so."""
        told = document(head)
        self._last = told
        try:
            self._file.append(orjson.dumps(told))
        except OSError as error:
            _log.error(
                "a head of the chain cannot be written and is on the topic alone: make room or let us write there",
                extra={
                    "file": str(self._file.path),
                    "reason": error.strerror or str(error),
                    "position": head.position,
                },
            )
        value = encode(RECORDED, head.hash, head.store, head.recorded_at, told)
        return Outgoing(OUTBOUND_TOPIC_OF[RECORDED], head.store.encode(), value)


def document(head: Head) -> dict[str, Any]:
    """A head as it is a line of the file and the data of its record."""
    return asdict(head) | {"recorded_at": format_time(head.recorded_at)}


class HeadFile:
    """JSON Lines that are only added to, each whole and on the disk when `append` returns.

    A line is one of ours where it has a whole number by the name that is given.
    """

    def __init__(self, path: Path, numbered: str = "events") -> None:
        self.path, self._numbered = path, numbered

    def append(self, line: bytes) -> None:
        """Add a line; raises OSError where that cannot be, and then it is not there."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not self.path.exists()
        with self._opened() as file:
            end = _end_of_lines(file)
            os.ftruncate(file, end)
            try:
                _write(file, line + b"\n")
                os.fsync(file)
            except OSError:
                os.ftruncate(file, end)
                raise
        if is_new:
            _sync_folder(self.path.parent)

    def last(self) -> dict[str, Any]:
        """The line added last; {} where there is none that can be read."""
        try:
            with self.path.open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
                lines = file.read().split(b"\n")[:-1]
            found = orjson.loads(lines[-1]) if lines else {}
            return found if isinstance(found.get(self._numbered), int) else {}
        except (OSError, ValueError, AttributeError):
            return {}

    @contextmanager
    def _opened(self) -> Iterator[int]:
        file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            # Another relay of this machine, which was stopped and goes on, waits for its turn here.
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file
        finally:
            os.close(file)


def _end_of_lines(file: int) -> int:
    """Where the last whole line ends: what a crash cut off is behind it."""
    size = os.fstat(file).st_size
    tail = os.pread(file, _TAIL_BYTES, max(0, size - _TAIL_BYTES))
    return size - (len(tail) - (tail.rfind(b"\n") + 1))


def _write(file: int, line: bytes) -> None:
    while line:
        line = line[os.write(file, line) :]


def _sync_folder(folder: Path) -> None:
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
