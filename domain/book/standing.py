"""What stands on the book, and what changes it: each aggregate says what should stand, and this closes the gap.

Nothing on the book is ever altered. A booking that should stand no longer, or no longer as it is, is retracted, and
what should stand in its place is booked anew under the same key: so the same wish, told again, changes nothing.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from domain.book.bookings import Booking
from domain.values import value


@value
class Booked:
    """A booking stands on the book; `revision` counts the times its key was booked."""

    booking: Booking
    revision: int


@value
class Retracted:
    """A booking no longer stands: its entries are mirrored at their own effective time."""

    booking: Booking
    revision: int


BookChange: TypeAlias = Booked | Retracted


@dataclass(slots=True)
class Standing:
    """The bookings of one stream that stand, by key, and how often each key was booked so far."""

    _booked: dict[str, Booked] = field(default_factory=dict)
    _revisions: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self._booked)

    def __contains__(self, key: str) -> bool:
        return key in self._booked

    def __iter__(self) -> Iterator[Booked]:
        """What stands, in the order in which it was booked."""
        return iter(self._booked.values())

    def bookings(self) -> list[Booking]:
        """What stands, without the revisions."""
        return [booked.booking for booked in self._booked.values()]

    def evolve(self, change: BookChange) -> None:
        """Fold a change in."""
        key = change.booking.key
        if type(change) is Booked:
            self._booked[key] = change
            self._revisions[key] = change.revision
        else:
            del self._booked[key]

    def towards(self, wanted: Iterable[Booking], among: Sequence[str] | None = None) -> list[BookChange]:
        """The changes after which just `wanted` stands: first what goes or differs, then what comes.

        With `among` only bookings under those keys are judged, in that order: what stands under others stays.
        """
        wanted_by_key = {booking.key: booking for booking in wanted}
        kept: set[str] = set()
        changes: list[BookChange] = []
        for key in self._booked if among is None else [key for key in among if key in self._booked]:
            booked = self._booked[key]
            if wanted_by_key.get(key) == booked.booking:
                kept.add(key)
            else:
                changes.append(Retracted(booked.booking, booked.revision))
        revisions = self._revisions
        changes += [
            Booked(booking, revisions.get(key, 0) + 1) for key, booking in wanted_by_key.items() if key not in kept
        ]
        return changes
