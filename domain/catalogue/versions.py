"""Versions of what is published, and which of them is in effect at a moment."""

from bisect import bisect_right
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Version(Generic[V]):
    """A published version: its event's time, source and id, and the moment from which it wants to be in effect."""

    time: datetime
    source: str
    id: str
    effective_from: datetime
    value: V

    @property
    def sort_key(self) -> tuple[datetime, str, str]:
        """Versions at the same time are taken by (source, id)."""
        return (self.time, self.source, self.id)


@dataclass(slots=True)
class Versions(Generic[V]):
    """All versions of one thing, and the one in effect at a moment.

    The first version, by its event's time, is in effect from its `effective_from`; each later one from the later of
    `effective_from` and its event's time. So what is published after the fact rules only what starts after it.
    """

    timeline: list[tuple[datetime, Version[V]]] = field(default_factory=list)
    # The sort keys of the timeline, so that an insertion finds its place without making all keys anew.
    _keys: list[tuple[datetime, tuple[datetime, str, str]]] = field(default_factory=list)
    _first: Version[V] | None = None

    def __len__(self) -> int:
        return len(self.timeline)

    def add(self, version: Version[V]) -> datetime:
        """Take in a version; the first moment at which another version may rule than before."""
        former = self._first
        if former is None or version.sort_key < former.sort_key:
            self._first = version
            changed_from = self._insert(version.effective_from, version)
            if former is None:
                return changed_from
            # What was the first so far is a later version now, and counts from its event's time at the earliest.
            self._remove(former)
            self._insert(max(former.effective_from, former.time), former)
            return min(changed_from, former.effective_from)
        return self._insert(max(version.effective_from, version.time), version)

    def at(self, moment: datetime) -> V | None:
        """The version in effect at a moment, None before the first."""
        place = bisect_right(self.timeline, moment, key=_start_of)
        return self.timeline[place - 1][1].value if place else None

    def latest(self) -> V | None:
        """The version published last, whether it is in effect yet or not."""
        return max((version for _, version in self.timeline), key=lambda each: each.sort_key).value if self else None

    def with_timeline(self, timeline: list[tuple[datetime, Version[V]]]) -> "Versions[V]":
        """The same with other values, or with more of them, each from its moment on, in the order of those."""
        return Versions(timeline, [(start, version.sort_key) for start, version in timeline], self._first)

    def _insert(self, start: datetime, version: Version[V]) -> datetime:
        key = (start, version.sort_key)
        place = bisect_right(self._keys, key)
        self._keys.insert(place, key)
        self.timeline.insert(place, (start, version))
        return start

    def _remove(self, version: Version[V]) -> None:
        place = next(index for index, (_, known) in enumerate(self.timeline) if known is version)
        del self._keys[place], self.timeline[place]


def _start_of(item: tuple[datetime, object]) -> datetime:
    return item[0]
