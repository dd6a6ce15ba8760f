"""A plain list of postings and of operators' lines, added up from scratch whenever a figure is wanted."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date, datetime


@dataclass(slots=True)
class Line:
    """A change of what an operator has available, from a business date on, until a payout pays it."""

    operator_id: str
    currency: str
    amount: int
    available_on: date
    posted_at: datetime
    reserve_release: bool = False
    taken: bool = False


@dataclass(slots=True)
class Book:
    """Postings as (effective time, kind, account, currency, signed minor units): debits positive."""

    postings: list[tuple[datetime, str, str, str, int]] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    paid_out: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))

    def post(self, at: datetime, kind: str, currency: str, *sides: tuple[str, int]) -> None:
        """One balanced entry; a side of nothing is left out."""
        assert sum(amount for _, amount in sides) == 0, f"{kind} at {at} does not balance: {sides}"
        self.postings += [(at, kind, account, currency, amount) for account, amount in sides if amount]

    def balance(self, account: str, currency: str) -> int:
        return sum(amount for _, _, name, code, amount in self.postings if (name, code) == (account, currency))
