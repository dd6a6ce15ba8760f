"""All that was reported about a session's payments."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from domain.fact import in_order
from domain.session.facts import (
    Captured,
    CapturedElsewhere,
    DisputeClosed,
    Disputed,
    Failed,
    LineStanding,
    Refunded,
    RefundFailed,
    Settled,
    WalletMoved,
)


@dataclass(slots=True)
class PaymentFacts:
    """All that was reported about a session's payments, in any order.

    `elsewhere` is what other sessions captured of the same payments, `standings` which lines of settlements stand,
    `wallets` what wallets said of their charges and refunds.
    """

    captures: list[Captured] = field(default_factory=list)
    failures: list[Failed] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)
    refunds: list[Refunded] = field(default_factory=list)
    refund_failures: list[RefundFailed] = field(default_factory=list)
    disputes: list[Disputed] = field(default_factory=list)
    closes: list[DisputeClosed] = field(default_factory=list)
    elsewhere: list[CapturedElsewhere] = field(default_factory=list)
    standings: list[LineStanding] = field(default_factory=list)
    wallets: list[WalletMoved] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.captures or self.failures or self.settled or self.goes_back or self.wallets)

    @property
    def goes_back(self) -> bool:
        """Whether anything was said of money that goes back to the driver."""
        return bool(self.refunds or self.refund_failures or self.disputes or self.closes)


def first_of_each(facts: Sequence[Any], key: Callable[[Any], Any]) -> list[Any]:
    """Facts in their order, of each business id only the first."""
    if len(facts) < 2:
        return list(facts)
    seen: dict[Any, Any] = {}
    for fact in sorted(facts, key=in_order):
        seen.setdefault(key(fact), fact)
    return list(seen.values())


def closes_by_dispute(closes: Sequence[DisputeClosed]) -> dict[str, list[DisputeClosed]]:
    """What was said of how disputes ended, by their ids."""
    found: dict[str, list[DisputeClosed]] = defaultdict(list)
    for close in closes:
        found[close.dispute_id].append(close)
    return found


def distinct_captures(captures: Sequence[Captured]) -> list[Captured]:
    """Captures in their order, each once: it is known by its payment and its `capture_id`.

    Without that id each message of a source is a capture of its own, and what another source tells of the same
    payment, moment and amount is the same capture.
    """
    if len(captures) < 2:
        return list(captures)
    seen: dict[tuple[object, ...], Captured] = {}
    told: dict[tuple[object, ...], int] = defaultdict(int)
    for fact in sorted(captures, key=in_order):
        payment = (fact.provider, fact.payment_id)
        if fact.capture_id is not None:
            seen.setdefault((*payment, fact.capture_id), fact)
            continue
        capture = (*payment, fact.at, fact.currency, fact.amount)
        told[fact.source, *capture] += 1
        seen.setdefault((*capture, told[fact.source, *capture]), fact)
    return list(seen.values())
