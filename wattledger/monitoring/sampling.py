"""Asks a service every few seconds in a thread of its own, so that who wants to know its state waits for nobody."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

_log = logging.getLogger(__name__)
T = TypeVar("T")

EVERY_S = 5.0
# A service that hangs gives no answer and no error either: this long after it was asked it counts as away.
HANGS_S = 10.0
# Of the ten seconds in which a piece ends, the end of what is beside its work may take little.
_END_S = 0.5


@dataclass(frozen=True, slots=True)
class Sample(Generic[T]):
    """What a service answered last, or the sentence that says why there is no answer; a `fault` of "" is none."""

    answer: T | None
    fault: str = ""


class Sampler(Generic[T]):
    """Keeps the latest answer to a question; `start` asks for the first time at once."""

    def __init__(
        self, service: str, ask: Callable[[], T], close: Callable[[], None], every_s: float = EVERY_S
    ) -> None:
        """`ask` may block and raise; it and `close`, which ends it, are called in the sampler's own thread."""
        self._service, self._ask, self._close, self._every_s = service, ask, close, every_s
        self._latest: Sample[T] = Sample(None, f"{service} was not asked yet")
        self._asked_at: float | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"sample {service}", daemon=True)

    @property
    def latest(self) -> Sample[T]:
        """The last answer, as long as the service goes on answering."""
        asked_at = self._asked_at
        waited = 0.0 if asked_at is None else time.monotonic() - asked_at
        if waited > HANGS_S:
            return Sample(None, f"{self._service} does not answer: it was asked {waited:.0f} s ago")
        return self._latest

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """Ask no more; a service that hangs is not waited for."""
        self._stop.set()
        self._thread.join(_END_S)

    def _run(self) -> None:
        try:
            while not self._stop.is_set():
                self._asked_at = time.monotonic()
                self._latest = self._sample()
                self._asked_at = None
                self._stop.wait(self._every_s)
        finally:
            self._close()

    def _sample(self) -> Sample[T]:
        try:
            return Sample(self._ask())
        except Exception as fault:  # Whatever it is, it is shown, and the next try may do.
            _log.debug("%s: %r", self._service, fault)
            return Sample(None, " ".join(str(fault).split()) or type(fault).__name__)
