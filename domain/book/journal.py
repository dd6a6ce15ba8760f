"""Journal entries: balanced sets of postings in one currency, frozen once made."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from domain.errors import UnbalancedEntry
from domain.values import value

MIN_POSTINGS = 2
MAX_POSTINGS = 64


class Posting(NamedTuple):
    """One line of an entry: an account (`CODE` or `CODE/DIMENSION`) and minor units, debit positive."""

    account: str
    amount_minor: int


@value
class Entry:
    """A balanced journal entry; `kind` is its posting number (J01, J02, ...), `cause` the stored event behind it.

    `entry_id` derives from business keys (UUIDv5), so replays agree. `reverses` names the entry it mirrors.
    Raises UnbalancedEntry when the postings do not sum to zero or are not 2 to 64 in number.
    """

    entry_id: UUID
    kind: str
    effective_at: datetime
    currency: str
    postings: tuple[Posting, ...]
    cause: UUID
    session_id: str | None = None
    payout_id: str | None = None
    reverses: UUID | None = None

    def __post_init__(self) -> None:
        if not MIN_POSTINGS <= len(self.postings) <= MAX_POSTINGS:
            raise UnbalancedEntry(f"entry {self.kind} {self.entry_id} has {len(self.postings)} postings, not 2 to 64")
        total = sum([posting.amount_minor for posting in self.postings])
        if total:
            raise UnbalancedEntry(f"entry {self.kind} {self.entry_id} is out of balance by {total} {self.currency}")
