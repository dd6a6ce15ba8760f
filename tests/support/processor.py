"""What work takes of the processors: however many others want them, it is the same."""

import os
from collections.abc import Callable


def processor_seconds(work: Callable[[], object]) -> float:
    """What some work took: of this process, and of those that it started and waited for."""
    before = os.times()
    work()
    after = os.times()
    return sum(after[:4]) - sum(before[:4])
