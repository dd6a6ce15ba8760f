"""What should be of a matter, as the audit makes it out: entries, messages that count for nothing, and findings."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from ledger.audit.amounts import microseconds
from ledger.audit.streams import Fact

# An entry that should stand: its number, microseconds since 1970, currency, and its postings in their order.
Wanted: TypeAlias = tuple[str, int, str, tuple[tuple[str, int], ...]]


@dataclass(slots=True)
class Told:
    """What should be: entries, messages that count for nothing by source and id, and when the clock books more.

    `findings` are the kinds and keys of what should be open; None where another check looks at that.
    """

    entries: list[Wanted] = field(default_factory=list)
    refused: set[tuple[str, str]] = field(default_factory=set)
    state: str | None = None
    next_at: datetime | None = None
    findings: set[tuple[str, str]] | None = None

    def refuse(self, facts: Iterable[Fact]) -> None:
        """Have messages count for nothing."""
        self.refused |= {(fact.source, fact.id) for fact in facts}

    def post(self, kind: str, at: datetime, currency: str, *legs: tuple[str, int]) -> None:
        """Have an entry; its legs debit positive, those of nothing left out, and no entry of nothing."""
        postings = tuple(sorted(leg for leg in legs if leg[1]))
        if postings:
            self.entries.append((kind, microseconds(at), currency, postings))
