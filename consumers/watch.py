"""What whoever looks after a consumer or a relay is told of its work: once a batch, never once a record."""

from collections.abc import Iterable
from typing import Protocol


class Watch(Protocol):
    """Is told from the event loop, so it must not block; what it is told it may keep or forget."""

    def moves(self, loop: str) -> None:
        """A main loop has gone round once more."""
        ...

    def holds(self, partitions: int) -> None:
        """So many partitions are ours now."""
        ...

    def took(self, written_at_ms: Iterable[int], quarantined: int, seconds: float) -> None:
        """A batch is on the book, `seconds` after it was handed over.

        `written_at_ms` has each record's timestamp in Kafka, in milliseconds since 1970; -1 where a record has none.
        """
        ...

    def sent(self, records: int) -> None:
        """So many records of the outbox went out."""
        ...


class Unwatched:
    """Nobody looks."""

    def moves(self, loop: str) -> None:
        """Forget it."""

    def holds(self, partitions: int) -> None:
        """Forget it."""

    def took(self, written_at_ms: Iterable[int], quarantined: int, seconds: float) -> None:
        """Forget it."""

    def sent(self, records: int) -> None:
        """Forget it."""


UNWATCHED = Unwatched()
