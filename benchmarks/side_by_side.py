"""The same work in several processes side by side: each prepares by itself, and all start at the same moment."""

import pickle
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, Any, Generic, TypeVar

Order = TypeVar("Order")
Answer = TypeVar("Answer")

_READY, _GO = b"ready\n", b"go\n"


class ProcessFailed(Exception):
    """A process ended without an answer; what it had to say is on the standard error stream."""


@dataclass(frozen=True, slots=True)
class Run(Generic[Answer]):
    """What the processes answered, and the seconds from the common start to the last one's end."""

    answers: tuple[Answer, ...]
    seconds: float


def side_by_side(work: Callable[[Order, Callable[[], None]], Answer], orders: Sequence[Order]) -> Run[Answer]:
    """Do the work of each order in a process of its own; `work` is a function of a module.

    It prepares, calls what it was given once it is ready, works, and answers. Raises ProcessFailed when one ended
    without an answer.
    """
    with ExitStack() as processes:
        streams = [_start(processes, work, order) for order in orders]
        for _, told in streams:
            if told.readline() != _READY:
                raise ProcessFailed("a process ended before it was ready; see what it wrote")
        for asked, _ in streams:
            asked.write(_GO)
            asked.flush()
        try:
            found: list[tuple[float, float, Answer]] = [pickle.load(told) for _, told in streams]
        except EOFError as error:
            raise ProcessFailed("a process ended without an answer; see what it wrote") from error
    began = min(each[0] for each in found)
    return Run(tuple(answer for _, _, answer in found), max(end for _, end, _ in found) - began)


def _start(processes: ExitStack, work: Callable[..., Any], order: object) -> tuple[IO[bytes], IO[bytes]]:
    """A process with its order; the streams to ask it and to be told by it. It is ended with the others."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.side_by_side"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    processes.enter_context(process)
    processes.callback(process.kill)
    if process.stdin is None or process.stdout is None:
        raise ProcessFailed("a process has no standard streams")
    pickle.dump((work, order), process.stdin)
    process.stdin.flush()
    return process.stdin, process.stdout


def _be_one() -> None:
    asked, told = sys.stdin.buffer, sys.stdout.buffer
    # What the work prints is for people; the stream is for whoever started us.
    sys.stdout = sys.stderr
    work, order = pickle.load(asked)
    began = 0.0

    def ready() -> None:
        nonlocal began
        told.write(_READY)
        told.flush()
        asked.readline()
        # The monotonic clock is one for all processes of a machine.
        began = time.monotonic()

    answer = work(order, ready)
    pickle.dump((began, time.monotonic(), answer), told)
    told.flush()


if __name__ == "__main__":
    _be_one()
