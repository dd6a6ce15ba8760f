"""Waiting for a condition: a test goes on as soon as it holds, and fails where it does not come to hold."""

from collections.abc import Callable
from time import monotonic, sleep


def wait_until(condition: Callable[[], bool], seconds_max: float = 180) -> None:
    """Returns once the condition holds; an AssertionError after so many seconds."""
    deadline = monotonic() + seconds_max
    while not condition():
        assert monotonic() < deadline, "it did not come to that in time"
        sleep(0.01)
