"""What actions need of Kafka, in the form in which who starts the application gives it."""

from collections.abc import Sequence
from concurrent.futures import Future
from typing import Protocol, TypeAlias

# Topic, key, value and headers.
Record: TypeAlias = tuple[str, bytes | None, bytes, tuple[tuple[str, bytes], ...]]


class Publisher(Protocol):
    """Sends records to Kafka; any thread may ask."""

    def publish(self, records: Sequence[Record]) -> "Future[tuple[tuple[int, int], ...]]":
        """Send records in order; done once the brokers have all of them, or with MachineryFault within seconds.

        It comes to the partition and the offset of each record.
        """
