"""The state of a live system as a line at the foot of the terminal that started it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ledger.errors import MachineryFault
from wattledger.store import Store
from wattledger.system_status import Looking
from wattledger.views.live_line import LiveLine, live_line
from wattledger.views.status import status_line

_EVERY_S = 2.0


@contextmanager
def state_line(store: Store) -> Iterator[Callable[[str], None] | None]:
    """Keep the line up to date while the block runs; how lines of other processes are printed above it.

    None where standard error is no terminal: then nothing is shown, and others may print there themselves.
    """
    with live_line() as line:
        if line is None:
            yield None
            return
        over = threading.Event()
        # A look may wait for a database or for brokers that hang, and nobody waits for the look.
        threading.Thread(target=_keep_telling, args=(store, line, over), name="state line", daemon=True).start()
        try:
            yield line.say
        finally:
            over.set()


def _keep_telling(store: Store, line: LiveLine, over: threading.Event) -> None:
    looking = Looking(store, postgres_ran=True)
    while not over.is_set():
        try:
            text = status_line(looking.look())
        except MachineryFault as fault:
            text = str(fault)
        if not over.is_set():
            line.tell(text)
        over.wait(_EVERY_S)
