"""A set of events as the parts of the projection `network` are handed it: each read once, with its place."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple, Protocol

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.network.session_use import SessionUse, UseFacts
from ledger.events.codec import read_body
from projections.feed import Place


class NetworkEvent(NamedTuple):
    """A stored event: topic, JSON as it is stored (of a fact `source`, `id`, `time` and `data`), and place."""

    topic: str
    body: dict[str, Any]
    place: Place


class UseChange(NamedTuple):
    """A session before and after a set of events (None where nothing was known of it before), and all its facts."""

    before: SessionUse | None
    after: SessionUse
    facts: UseFacts


@dataclass
class Batch:
    """Events in order, and what the first parts found in them for the others.

    `changes` are the sessions that they change; `sites` are those whose connectors give another power than before, by
    (operator, location in lower case), each with the span of session starts that this concerns.
    """

    pairs: Sequence[tuple[str, bytes]]
    places: Sequence[Place]
    changes: list[UseChange] = field(default_factory=list)
    sites: dict[tuple[str, str], tuple[datetime, datetime | None]] = field(default_factory=dict)
    _read: dict[str, list[NetworkEvent]] = field(default_factory=dict, repr=False)

    def of(self, *topics: str) -> Iterator[NetworkEvent]:
        """The events of some topics: those of each in order, one topic after the other; a topic is read once."""
        for topic in topics:
            if topic not in self._read:
                stored = self._stored.get(topic, ())
                self._read[topic] = [NetworkEvent(topic, read_body(topic, state), place) for state, place in stored]
            yield from self._read[topic]

    @cached_property
    def _stored(self) -> dict[str, list[tuple[bytes, Place]]]:
        found: dict[str, list[tuple[bytes, Place]]] = {}
        for (topic, state), place in zip(self.pairs, self.places, strict=True):
            found.setdefault(topic, []).append((state, place))
        return found


class Part(Protocol):
    """A part of the projection: the topics it folds, the tables it keeps, and how a set changes their rows."""

    @property
    def topics(self) -> frozenset[str]:
        """The topics of the stored events it wants to be handed."""

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables in the schema `projection` that hold its rows, each row with its generation."""

    def apply(self, cursor: Cursor[TupleRow], generation: int, batch: Batch) -> None:
        """Fold a set into the rows of a generation, by a few statements a set, whatever the order of arrival."""
