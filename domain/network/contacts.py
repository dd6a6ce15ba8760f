"""Signs of life of an EVSE, and when it was silent: its messages of one day after the other.

A sign of life is a status, a heartbeat, or what a gateway told of one of its sessions, each at its own time. Times
are whole microseconds since 1970. A day here is one of UTC.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from domain.network.moments import US_PER_SECOND

# How many intervals of its heartbeats an EVSE may say nothing: after more it is down, from its last message on.
INTERVALS_MAX = 3

# A moment, and what a heartbeat says: its interval in seconds (0: no heartbeat), and its number + 1 (0: it has none).
Contact: TypeAlias = tuple[int, int, int]


class Missing(NamedTuple):
    """Messages that were numbered and never came: how many, and between which two moments."""

    begin: int
    end: int
    number: int


class Silence(NamedTuple):
    """From a message to the next one, more than 3 times the interval that was in force at the first."""

    begin: int
    end: int
    interval_s: int


class Before(NamedTuple):
    """What a day has to know of all days before: the last sign of life, the interval in force, the last number.

    Each is None until there is one; `number` is that of a heartbeat, `numbered_at` its moment.
    """

    last: int | None = None
    interval_s: int | None = None
    numbered_at: int | None = None
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Day:
    """What comes of a day's signs of life: silences and missing numbers that end in it, and what follows it."""

    after: Before
    silences: tuple[Silence, ...] = ()
    missing: tuple[Missing, ...] = ()


def together(contacts: Iterable[Contact]) -> list[Contact]:
    """Signs of life in order, one a moment: of two heartbeats the longer interval, then the higher number."""
    newest: dict[int, Contact] = {}
    for contact in contacts:
        known = newest.get(contact[0])
        if known is None or contact > known:
            newest[contact[0]] = contact
    return [newest[at] for at in sorted(newest)]


def silent(last: int, interval_s: int, until: int) -> bool:
    """Whether an EVSE that was heard at `last` has said nothing for so long by `until` that it is down."""
    return until - last > INTERVALS_MAX * interval_s * US_PER_SECOND


@dataclass(slots=True)
class _Walk:
    """A walk through signs of life in their order."""

    last: int | None
    interval_s: int | None
    numbered_at: int | None
    number: int | None
    silences: list[Silence] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)

    def take(self, contact: Contact) -> None:
        at, interval_s, number = contact
        if self.last is not None and self.interval_s is not None and silent(self.last, self.interval_s, at):
            self.silences.append(Silence(self.last, at, self.interval_s))
        self.last = at
        if interval_s:
            self.interval_s = interval_s
        if number:
            self._count(at, number - 1)

    def _count(self, at: int, number: int) -> None:
        """A number that is not above the one before began anew, as after a restart: nothing is missing then."""
        if self.number is not None and self.numbered_at is not None and number > self.number + 1:
            self.missing.append(Missing(self.numbered_at, at, number - self.number - 1))
        self.numbered_at, self.number = at, number


def day_of_contacts(before: Before, contacts: Sequence[Contact]) -> Day:
    """What comes of a day, by what was before it; `contacts` as `together` gives them.

    From the first heartbeat on, an EVSE that says nothing for more than 3 times the interval of its last heartbeat is
    silent from its last message to its next one.
    """
    walk = _Walk(*before)
    for contact in contacts:
        walk.take(contact)
    after = Before(walk.last, walk.interval_s, walk.numbered_at, walk.number)
    return Day(after, tuple(walk.silences), tuple(walk.missing))
