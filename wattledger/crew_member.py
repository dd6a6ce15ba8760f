"""A process that shares the work of a command: it does what it is told through a socket, and ends with its teller.

Run as `python -m wattledger.crew_member FD`, where FD is its end of a socket pair.
"""

import os
import pickle
import queue
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any

from wattledger.logs import set_up_logging
from wattledger.portions import Hands
from wattledger.store import Store


def main(descriptor: int) -> None:
    """Does one portion after the other until the line is cut."""
    line = Connection(descriptor)
    dsn, bootstrap, settings, form = line.recv()
    set_up_logging(form.level, debug=form.debug, piece=form.piece)
    portions: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(line, portions), name="line", daemon=True).start()
    hands = Hands(Store.at(dsn, bootstrap, settings))

    def tell(kind: str, content: Any) -> None:
        try:
            line.send((kind, content))
        except OSError:
            os._exit(0)

    while True:
        portion = portions.get()
        try:
            portion.do(hands, lambda done, total: tell("progress", (done, total)))
        except Exception as error:  # The teller judges it; this process is there for the next portion.
            tell("failed", _sendable(error))
        else:
            tell("done", None)


def _listen(line: Connection, portions: "queue.SimpleQueue[Any]") -> None:
    """Hands over what is told; the end of the line is the end of the process, even in the middle of a portion."""
    while True:
        try:
            portions.put(line.recv())
        except (EOFError, OSError):
            os._exit(0)
        except BaseException:
            # What cannot be read cannot be done: this process ends as lost, and the teller does it.
            os._exit(1)


def _sendable(error: Exception) -> Exception:
    """The error, or its words where it cannot go over the line."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - what was pickled here a moment ago
    except Exception:  # Whatever an error does when it is pickled.
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


if __name__ == "__main__":
    main(int(sys.argv[1]))
