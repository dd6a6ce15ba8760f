"""Patience with the database and the brokers: steps that can be repeated are, while a server is away."""

from collections.abc import Callable
from typing import TypeVar

from psycopg import OperationalError
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_exponential

from consumers.errors import MachineryFault
from ledger.errors import DatabaseUnavailable

T = TypeVar("T")

# A server that was killed is back within seconds; one that is not after this long needs somebody to look.
_PATIENCE_S = 120


def patiently(step: Callable[[], T]) -> T:
    """Do a step that can be repeated, and again while the database or the brokers are away."""
    retrying = Retrying(
        retry=retry_if_exception_type((DatabaseUnavailable, MachineryFault, OperationalError)),
        wait=wait_exponential(multiplier=0.1, max=2),
        stop=stop_after_delay(_PATIENCE_S),
        reraise=True,
    )
    return retrying(step)
