"""All that was reported about a session's payments, and which captures its settlements pay."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from domain.fact import in_order
from domain.session.facts import Captured, DisputeClosed, Disputed, Failed, Refunded, Settled


@dataclass(slots=True)
class PaymentFacts:
    """All that was reported about a session's payments, in any order."""

    captures: list[Captured] = field(default_factory=list)
    failures: list[Failed] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    refunds: list[Refunded] = field(default_factory=list)
    disputes: list[Disputed] = field(default_factory=list)
    closes: list[DisputeClosed] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.captures or self.failures or self.settled or self.refunds or self.disputes or self.closes)


def first_of_each(facts: Sequence[Any], key: Callable[[Any], Any]) -> list[Any]:
    """Facts in their order, of each business id only the first."""
    if len(facts) < 2:
        return list(facts)
    seen: dict[Any, Any] = {}
    for fact in sorted(facts, key=in_order):
        seen.setdefault(key(fact), fact)
    return list(seen.values())


def settled_captures(
    captures: Sequence[Captured], settled: Sequence[Settled]
) -> Iterator[tuple[datetime, Settled, list[Captured]]]:
    """Match the items of settlements to the captures they pay, one by one in their order.

    A single item pays all captures of its payment; each match is from the moment at which both sides are known.
    """
    if not captures or not settled:
        return
    items_of: dict[str, list[Settled]] = defaultdict(list)
    for item in first_of_each(settled, lambda fact: (fact.settlement_id, fact.item)):
        items_of[item.payment_id].append(item)
    captures_of: dict[str, list[Captured]] = defaultdict(list)
    for capture in captures:
        captures_of[capture.payment_id].append(capture)
    for payment_id, of_payment in captures_of.items():
        items = items_of.get(payment_id, [])
        groups = [of_payment] if len(items) == 1 else [[capture] for capture in of_payment]
        for item, group in zip(items, groups, strict=False):
            yield max([item.at, *(capture.at for capture in group)]), item, group
