"""How often somebody may ask: a token bucket each, by the clock of this process."""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

# Of so many who asked last the buckets are kept; who is forgotten had a full one again, or nearly.
_KEPT_MAX = 10_000


@dataclass(frozen=True, slots=True)
class Rate:
    """So many a second in the long run, and as many as `burst` at once."""

    per_second: float
    burst: float


REQUESTS = Rate(100, 200)
# Searches and exports, beside the limit of all requests.
HEAVY = Rate(5, 10)
# Sign-ins from one address, whatever the names; each costs a processor some 50 ms.
SIGN_INS = Rate(2, 60)


class Buckets:
    """The buckets of one rate, by whom they are; for one thread."""

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = rate, clock
        # Tokens that were left, and when that was.
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str) -> float:
        """Take a token: 0, or the seconds after which there is one again."""
        now, rate = self._clock(), self._rate
        left, at = self._left.pop(who, (rate.burst, now))
        left = min(rate.burst, left + (now - at) * rate.per_second)
        if left >= 1:
            self._keep(who, left - 1, now)
            return 0.0
        self._keep(who, left, now)
        return (1 - left) / rate.per_second

    def _keep(self, who: str, left: float, now: float) -> None:
        self._left[who] = (left, now)
        if len(self._left) > _KEPT_MAX:
            self._left.popitem(last=False)


def whole_seconds(wait_s: float) -> str:
    """For `Retry-After`, which has no fractions."""
    return str(max(1, math.ceil(wait_s)))
