"""Python's garbage collector kept out of transactions, which make many objects and hardly a cycle among them."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_paused() -> Iterator[None]:
    """No collection of cycles while the block runs; what is counted meanwhile is collected after it.

    Left to itself the collector walks all warm sessions again and again while a batch is decided, a fifth of the
    whole time. A block is one batch at most, so that memory stays flat.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
