"""Projections that are followed, and work that is done while events come in."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Any

from projections.runner import follow_forever

SECONDS_MAX = 180


@contextmanager
def following(store: str, **options: Any) -> Iterator[None]:
    """A projector in a thread of its own follows the store; it has ended when the block has."""
    stop = Event()
    follower = Thread(target=follow_forever, args=(store, stop), kwargs=options)
    follower.start()
    try:
        yield
    finally:
        stop.set()
        follower.join(SECONDS_MAX)
    assert not follower.is_alive()


def recording_during(work: Callable[[], None], record: Callable[[int], None], first: int = 0) -> int:
    """Does the work in a thread while it records one after another, numbered from `first`; the next number."""
    done = Event()

    def to_the_end() -> None:
        try:
            work()
        finally:
            done.set()

    worker = Thread(target=to_the_end)
    worker.start()
    number = first
    try:
        while not done.is_set():
            record(number)
            number += 1
    finally:
        worker.join(SECONDS_MAX)
    return number
