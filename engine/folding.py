"""Aggregates from what is stored of them."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from domain.fact import RecordedFact
from ledger.events.codec import decode
from ledger.events.store import StoredEvent


class Evolving(Protocol):
    """What decides, and is what its own decisions have made it, up to a version of its stream."""

    version: int

    def evolve(self, decision: Any, /) -> None:
        """Become what a decision makes of it."""


def fold(aggregate: Evolving, stored: Iterable[StoredEvent], learn: Callable[[RecordedFact], None]) -> None:
    """Fold an aggregate from the events of its stream, in their order; what was told is for `learn`."""
    for each in stored:
        event = decode(each.topic, each.state)
        if isinstance(event, RecordedFact):
            learn(event)
        else:
            aggregate.evolve(event)
        aggregate.version = each.version
