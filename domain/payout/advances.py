"""Advances: what an operator is paid of sessions before their drivers have paid, and how far that may go.

Of one session it is what payouts paid of it less what was captured for it by then; less than nothing is nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID


class Payable(Protocol):
    """What is known here of a payable line; `amount` in minor units, positive in the operator's favour."""

    @property
    def entry_id(self) -> UUID: ...

    @property
    def stream_id(self) -> UUID | None: ...

    @property
    def amount(self) -> int: ...

    @property
    def released_at(self) -> datetime: ...


@dataclass(slots=True)
class SessionAdvance:
    """A session that may be paid before its driver pays: what was captured and when, what is released, what is paid.

    Minor units of `currency`. `released` is all that was released, whether it is paid or not.
    """

    currency: str
    captures: tuple[tuple[datetime, int], ...] = ()
    paid: int = 0
    released: int = 0

    def ahead(self, at: datetime, more: int = 0) -> int:
        """What is paid ahead of captures up to a moment (inclusive), once `more` is paid."""
        captured = sum(amount for moment, amount in self.captures if moment <= at)
        return max(0, self.paid + more - captured)


@dataclass(slots=True)
class Advances:
    """The sessions of an operator that may be paid ahead, by their streams; of all others nothing is."""

    sessions: Mapping[UUID, SessionAdvance] = field(default_factory=dict)

    def outstanding(self, currency: str, at: datetime) -> int:
        """What is paid ahead in a currency, as of a moment."""
        return sum(each.ahead(at) for each in self.sessions.values() if each.currency == currency)

    def carried(self, lines: Sequence[Payable], currency: str, at: datetime, limit: int) -> frozenset[UUID]:
        """The streams of sessions whose lines wait, so that no more than `limit` is paid ahead.

        A session is paid whole or waits. The one released first comes first (then by its stream's id); one that does
        not fit waits and holds up none of the others.
        """
        left = limit - self.outstanding(currency, at)
        waiting = set()
        for stream_id, (_, amount) in sorted(self._by_session(lines).items(), key=lambda item: (item[1][0], item[0])):
            known = self.sessions[stream_id]
            more = known.ahead(at, amount) - known.ahead(at)
            if more > max(left, 0):
                waiting.add(stream_id)
            else:
                left -= more
        return frozenset(waiting)

    def pay(self, lines: Iterable[Payable]) -> None:
        """Take in that lines are paid."""
        for stream_id, (_, amount) in self._by_session(lines).items():
            self.sessions[stream_id].paid += amount

    def take_back(self, lines: Iterable[Payable]) -> None:
        """Take in that lines are paid no longer: whoever may decide rejected their payout."""
        for stream_id, (_, amount) in self._by_session(lines).items():
            self.sessions[stream_id].paid -= amount

    def _by_session(self, lines: Iterable[Payable]) -> dict[UUID, tuple[datetime, int]]:
        """Of each session here: when the first of its lines was released, and their sum."""
        found: dict[UUID, tuple[datetime, int]] = {}
        for line in lines:
            if line.stream_id is not None and line.stream_id in self.sessions:
                at, amount = found.get(line.stream_id, (line.released_at, 0))
                found[line.stream_id] = (min(at, line.released_at), amount + line.amount)
        return found
