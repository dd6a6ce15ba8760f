"""How a long-running process ends: in order when it is told to, and in any case within ten seconds."""

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import inf

from wattledger.logs import say

# Of the ten seconds, what the end of the work in hand may take; a database that hangs would hold it for ever.
IN_ORDER_S = 8.0
_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stop_on_signals(limit_s: float = inf) -> Iterator[threading.Event]:
    """An event that SIGTERM and SIGINT set while the block runs.

    A block that still runs `limit_s` after the first of them waits for somebody who does not answer: the process ends
    with status 1, as it would by `kill -9`, and what it had in hand is taken up by the next one.
    """
    stop, over = threading.Event(), threading.Event()

    def ask(_number: int, _frame: object) -> None:
        if not stop.is_set() and limit_s < inf:
            threading.Thread(target=_end_hard, args=(over, limit_s), name="end", daemon=True).start()
        stop.set()

    before = {number: signal.signal(number, ask) for number in _SIGNALS}
    try:
        yield stop
    finally:
        over.set()
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_hard(over: threading.Event, limit_s: float) -> None:
    if over.wait(limit_s):
        return
    # Whoever read what is said here may be gone before us.
    with suppress(OSError):
        say(
            f"told to end, and the work in hand did not within {limit_s:.0f} s: it is given up, and done by the next "
            "process",
            level=logging.ERROR,
            prefix="wattledger: ",
        )
    os._exit(1)
