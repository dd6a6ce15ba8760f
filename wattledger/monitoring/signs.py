"""What a piece counts of its own work: plain numbers, told once a batch and read by whoever asks over HTTP."""

import threading
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import inf

# From the moment at which Kafka has a message to the commit of its entries, in seconds: a live system does it within
# a fraction of one, after an outage it takes as long as the outage.
TO_BOOK_S = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
BATCH_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)


class Histogram:
    """How many values lie up to each bound; many are added at once, at the price of sorting them."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = (*bounds, inf)
        self._counts = [0] * len(self._bounds)
        self._sum = 0.0
        self._lock = threading.Lock()

    def add(self, values: Iterable[float]) -> None:
        """Add values, in any order."""
        ordered = sorted(values)
        with self._lock:
            # A value that equals a bound lies below it (Prometheus: `le`).
            for place, bound in enumerate(self._bounds):
                self._counts[place] += bisect_right(ordered, bound)
            self._sum += sum(ordered)

    def read(self) -> tuple[list[tuple[float, int]], float]:
        """Each bound with how many values lie up to it, infinity last, and the sum of all values."""
        with self._lock:
            return list(zip(self._bounds, self._counts, strict=True)), self._sum


class Signs:
    """The signs of life and the counts of one piece; any thread may tell and read them."""

    def __init__(self, loops: Sequence[str]) -> None:
        """`loops` are the names of its main loops, which count as moving from now on."""
        self._lock = threading.Lock()
        self._moved_at = dict.fromkeys(loops, time.monotonic())
        self._counts: Counter[str] = Counter()
        self.partitions_held = 0
        self.to_book = Histogram(TO_BOOK_S)
        self.batch = Histogram(BATCH_S)

    @property
    def ages(self) -> Mapping[str, float]:
        """How many seconds ago each main loop moved."""
        now = time.monotonic()
        return {loop: now - moved_at for loop, moved_at in self._moved_at.items()}

    def count_of(self, name: str) -> int:
        """A count, by the name it was told under."""
        with self._lock:
            return self._counts[name]

    def add(self, **counts: int) -> None:
        """Add to counts."""
        with self._lock:
            self._counts.update(counts)

    def moves(self, loop: str) -> None:
        """A main loop has gone round once more."""
        self._moved_at[loop] = time.monotonic()

    def drops(self, loop: str) -> None:
        """There is no such main loop, as this piece is set."""
        self._moved_at = {name: at for name, at in self._moved_at.items() if name != loop}

    def holds(self, partitions: int) -> None:
        """So many partitions are ours now."""
        self.partitions_held = partitions

    def took(self, written_at_ms: Iterable[int], quarantined: int, seconds: float) -> None:
        """A batch is on the book: each record's timestamp in Kafka, -1 for none, and how long the batch took."""
        now_ms, written = time.time() * 1000, list(written_at_ms)
        # A producer's clock may be ahead of ours.
        self.to_book.add(max(0.0, (now_ms - at) / 1000) for at in written if at >= 0)
        self.batch.add([seconds])
        self.add(records=len(written), quarantined=quarantined)

    def sent(self, records: int) -> None:
        """So many records of the outbox went out."""
        self.add(sent=records)
