"""Payable lines: what entries change of what an operator is owed, until a payout pays it."""

from datetime import date, datetime
from uuid import UUID

from domain.values import value


@value
class Line:
    """An entry's effect on an operator's payable that may be paid: minor units, positive in the operator's favour.

    `stream_id` is that of what it comes from: a session, mostly; `kind` that of the entry. `retained` is what an
    earlier payout left, by the operator's terms or since less was asked for. `free_from` is when a payout was
    rejected that was to pay it: runs from then on may.
    """

    entry_id: UUID
    currency: str
    amount: int
    released_at: datetime
    available_on: date
    reserve_release: bool = False
    stream_id: UUID | None = None
    kind: str = ""
    retained: bool = False
    free_from: datetime | None = None
    effective_at: datetime | None = None

    def is_due(self, day: date, at: datetime) -> bool:
        """Whether the run of a business date, at a moment, may pay it."""
        is_free = self.free_from is None or self.free_from < at
        return self.available_on <= day and self.released_at < at and is_free
