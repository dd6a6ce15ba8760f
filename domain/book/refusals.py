"""Decisions of people that count for nothing: what is refused is a state, kept beside the facts that make it so.

A decision is stored as a fact whether it counts or not. As with bookings and findings, each aggregate says which of
its decisions *should* be refused, a function of the set of facts, and `OpenRefusals.towards` closes the gap.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from domain.values import value


@value
class DecisionRefused:
    """A decision counts for nothing: its message's source, id and type, what it is about, its time, and why."""

    source: str
    id: str
    type: str
    subject: str
    at: datetime
    sentence: str


@value
class DecisionCounts:
    """A decision that was refused counts after all, by facts that came later."""

    source: str
    id: str
    type: str
    subject: str
    at: datetime


RefusalChange: TypeAlias = DecisionRefused | DecisionCounts


@dataclass(slots=True)
class OpenRefusals:
    """The decisions of one stream that are refused, by source and id."""

    _refused: dict[tuple[str, str], DecisionRefused] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._refused)

    def __iter__(self) -> Iterator[DecisionRefused]:
        """What is refused, in the order in which it was."""
        return iter(self._refused.values())

    def __contains__(self, key: tuple[str, str]) -> bool:
        return key in self._refused

    def evolve(self, change: RefusalChange) -> None:
        """Fold a change in."""
        if type(change) is DecisionRefused:
            self._refused[change.source, change.id] = change
        else:
            del self._refused[change.source, change.id]

    def towards(self, wanted: Iterable[DecisionRefused], among: Collection[str] | None = None) -> list[RefusalChange]:
        """The changes after which just `wanted` is refused: first what counts after all, then what is refused.

        With `among` only decisions of those types are judged, for streams in which several judges refuse.
        """
        wanted_by_key = {(each.source, each.id): each for each in wanted}
        changes: list[RefusalChange] = [
            DecisionCounts(each.source, each.id, each.type, each.subject, each.at)
            for key, each in self._refused.items()
            if key not in wanted_by_key and (among is None or each.type in among)
        ]
        changes += [each for key, each in wanted_by_key.items() if self._refused.get(key) != each]
        return changes
