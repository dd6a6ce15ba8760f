"""A crew: the same work in several processes that prepare by themselves and start at the same moment."""

import multiprocessing
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from typing import Any, Generic, TypeVar

Order = TypeVar("Order")
Answer = TypeVar("Answer")

# Prepares by an order, calls what it was given once it is ready, works, and answers.
Work = Callable[[Order, Callable[[], None]], Answer]

_PATIENCE_SECONDS = 1_800


class CrewFailed(Exception):
    """A member of the crew ended without an answer; what it had to say is on the standard error stream."""


@dataclass(frozen=True, slots=True)
class CrewRun(Generic[Answer]):
    """What the members answered, and the seconds from the common start to the last one's end."""

    answers: tuple[Answer, ...]
    seconds: float


def run_crew(work: Callable[[Order, Callable[[], None]], Answer], orders: Sequence[Order]) -> CrewRun[Answer]:
    """Do the work of each order in a process of its own; `work` is a function of a module.

    Raises CrewFailed when a process ended without an answer.
    """
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(len(orders))
    members = []
    for order in orders:
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_member, args=(work, order, start, theirs))
        process.start()
        theirs.close()
        members.append((process, ours))
    found = [_answer(ours) for _, ours in members]
    for process, _ in members:
        process.join()
    ended = [each for each in found if each is not None]
    if len(ended) < len(orders):
        raise CrewFailed(f"{len(orders) - len(ended)} of {len(orders)} processes failed; see what they wrote")
    began = min(began for began, _, _ in ended)
    return CrewRun(tuple(answer for _, _, answer in ended), max(end for _, end, _ in ended) - began)


def _answer(connection: "Connection[Any, Any]") -> tuple[float, float, Any] | None:
    try:
        found: tuple[float, float, Any] = connection.recv()
        return found
    except EOFError:
        return None


def _member(work: Callable[[Any, Callable[[], None]], Any], order: Any, start: Barrier, told: Any) -> None:
    began = 0.0

    def ready() -> None:
        nonlocal began
        start.wait(_PATIENCE_SECONDS)
        # The monotonic clock is one for all processes of a machine.
        began = time.monotonic()

    try:
        answer = work(order, ready)
        told.send((began, time.monotonic(), answer))
    except BaseException:
        start.abort()
        raise
