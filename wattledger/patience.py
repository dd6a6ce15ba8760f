"""The patience of commands: steps that can be repeated are, while the database or the brokers are away."""

from collections.abc import Callable
from threading import Event
from typing import TypeVar

from tenacity import stop_after_delay, wait_exponential

from ledger.patience import Patience

T = TypeVar("T")

# A server that was killed is back within seconds; one that is not after this long needs somebody to look.
_PATIENCE_S = 120
# An attempt that got on for this long had a server: a fault after it is a new one.
_WORKED_S = 30


def patiently(step: Callable[[], T], patience_s: float = _PATIENCE_S, stop: Event | None = None) -> T:
    """Do a step that can be repeated, and again while the database or the brokers are away.

    Raises their MachineryFault when it lasts longer than the patience, however long the step worked before it;
    Stopping once the event is set, as `Patience.do` does.
    """
    pauses = wait_exponential(multiplier=0.1, max=2)
    return Patience(pauses, stop_after_delay(patience_s), worked_s=_WORKED_S).do(step, stop)
