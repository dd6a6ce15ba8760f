"""Sorts any number of lines in flat memory: sorted runs in temporary files, merged when they are read."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from heapq import merge
from types import TracebackType
from typing import IO, Self

# About 10 MB of lines in memory at a time.
RUN_LENGTH = 40_000


class Spool:
    """Takes lines of bytes without line feeds in any order and gives them back sorted; a context manager."""

    def __init__(self, run_length: int = RUN_LENGTH) -> None:
        self._run_length = run_length
        self._lines: list[bytes] = []
        self._runs: list[IO[bytes]] = []
        self._files = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._files.close()

    def add(self, line: bytes) -> None:
        """Keep a line."""
        # A copy, since a serializer's bytes may keep a buffer ten times their length.
        self._lines.append(bytes(memoryview(line)))
        if len(self._lines) >= self._run_length:
            self._write_run()

    def sorted(self) -> Iterator[bytes]:
        """All lines in the order of their bytes; to be called once, after the last line."""
        self._lines.sort()
        return merge(*map(_read_run, self._runs), self._lines)

    def _write_run(self) -> None:
        self._lines.sort()
        run = self._files.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - closed with the spool
        run.writelines(line + b"\n" for line in self._lines)
        self._runs.append(run)
        self._lines = []


def _read_run(run: IO[bytes]) -> Iterator[bytes]:
    run.seek(0)
    return (line[:-1] for line in run)
