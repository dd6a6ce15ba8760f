"""Python's garbage collector kept away from what transactions make: many objects and hardly a cycle among them."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

# How many blocks go by until cycles are looked for among all objects.
_BLOCKS_PER_COLLECTION = 2_000
_blocks = count(1)


@contextmanager
def collector_paused() -> Iterator[None]:
    """No collection of cycles while the block runs; whatever there is by its end is left alone for many blocks.

    Left to itself the collector walks all warm sessions again and again while batches are decided, a fifth of the
    whole time. What nobody refers to any more is freed at once, whatever the collector does; only cycles wait, those
    of some thousand blocks, a few in each, so that memory stays flat.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if next(_blocks) % _BLOCKS_PER_COLLECTION == 0:
            gc.unfreeze()
            gc.collect()
        gc.freeze()
        gc.enable()
