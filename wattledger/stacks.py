"""`kill -USR1 PID`: a process of WattLedger says where each of its threads is, and goes on.

For a process that seems to stand still. What it says goes to standard error, as the interpreter writes it: names of
functions and numbers of lines, no values.
"""

import faulthandler
import signal
import sys
from contextlib import suppress


def show_stacks_when_asked() -> None:
    """Have SIGUSR1 write the stacks of all threads to standard error, wherever the process is then."""
    # Without a standard error there is nobody to tell.
    with suppress(AttributeError, OSError, ValueError):
        faulthandler.register(signal.SIGUSR1, file=sys.stderr, all_threads=True)
