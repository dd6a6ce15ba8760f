"""Patience with the database and the brokers: steps that can be repeated are, while a server is away."""

import time
from collections.abc import Callable
from typing import TypeVar

from psycopg import OperationalError
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential

from engine.errors import MachineryFault
from ledger.errors import DatabaseUnavailable

T = TypeVar("T")

# A server that was killed is back within seconds; one that is not after this long needs somebody to look.
_PATIENCE_S = 120
# An attempt that got on for this long had a server: a fault after it is a new one.
_WORKED_S = 30


def patiently(step: Callable[[], T], patience_s: float = _PATIENCE_S) -> T:
    """Do a step that can be repeated, and again while the database or the brokers are away.

    Raises their fault when it lasts longer than the patience, however long the step worked before it.
    """
    retrying = Retrying(
        retry=retry_if_exception_type((DatabaseUnavailable, MachineryFault, OperationalError)),
        wait=wait_exponential(multiplier=0.1, max=2),
        before=(outage := _Outage(patience_s)).note_attempt,
        stop=outage.is_too_long,
        reraise=True,
    )
    return retrying(step)


class _Outage:
    """How long a server has been away: since the first of an unbroken row of faults, however long work took."""

    def __init__(self, patience_s: float) -> None:
        self._patience_s = patience_s
        self._since: float | None = None
        self._attempted_at = 0.0

    def note_attempt(self, _: RetryCallState) -> None:
        self._attempted_at = time.monotonic()

    def is_too_long(self, _: RetryCallState) -> bool:
        now = time.monotonic()
        if self._since is None or now - self._attempted_at > _WORKED_S:
            self._since = now
        return now - self._since > self._patience_s
