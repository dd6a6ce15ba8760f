"""Disputes of captured payments: opened, decided, and decided again."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from domain.book.bookings import Booking, DisputeLost, DisputeOpened, DisputeWon
from domain.book.sale_bookings import DisputeFeeRecharged
from domain.fact import in_order
from domain.session.driver.due import DriversMoney, Part
from domain.session.driver.given_back import Commission, GivenBack
from domain.session.driver.share import Share
from domain.session.facts import Captured, DisputeClosed, Disputed, DisputeOutcome
from domain.session.scope import BookingHead

_NOTHING = Part(0, "", 0)


@dataclass(slots=True)
class Dispute:
    """A dispute, what it set aside of the driver's own money, and how it stands.

    `taken` and `back` are of the last time that it was lost.
    """

    fact: Disputed
    part: Part
    outcome: DisputeOutcome | None = None
    taken: Part = _NOTHING
    back: Commission | None = None


def outcomes(dispute: Disputed, closes: Iterable[DisputeClosed]) -> Iterator[DisputeClosed]:
    """How a dispute was decided, each time otherwise than before; not before it opened, whatever the clocks say."""
    last = None
    for close in sorted(closes, key=in_order):
        if close.outcome is not last:
            last = close.outcome
            yield close if close.at >= dispute.at else replace(close, at=dispute.at)


def recharge_dispute_fee(share: Share, key: str, at: datetime, dispute: Disputed, fee: int) -> None:
    """Have the operator bear a fee of a dispute, at once (J28r)."""
    if fee:
        head = share.head_at_once(key, at, dispute.currency)
        share.book(DisputeFeeRecharged(**head, dispute_id=dispute.dispute_id, fee=fee))


class Disputes:
    """Books disputes; what of them is the driver's own money anyway moves nothing of the operator's."""

    def __init__(
        self,
        share: Share,
        captures: Mapping[str, Captured],
        given_back: GivenBack,
        money: DriversMoney,
        *,
        recharges: bool = False,
    ) -> None:
        """With `recharges` the operator bears the fees of disputes."""
        self._share, self._captures, self._given_back, self._money = share, captures, given_back, money
        self._recharges = recharges
        self._known: dict[str, Dispute] = {}

    def open(self, fact: Disputed) -> None:
        """Take in that a cardholder disputes a payment."""
        part = self._money.set_aside(fact.amount, fact.payment_id)
        self._known[fact.dispute_id] = Dispute(fact, part)
        name = f"{fact.source}:{fact.id}"
        self._share.book(self._opened(f"dispute:{name}", fact.at, self._known[fact.dispute_id], fact.fee))
        if self._recharges:
            recharge_dispute_fee(self._share, f"dispute-fee-recharge:{name}", fact.at, fact, fact.fee)

    def close(self, close: DisputeClosed) -> None:
        """Take in how a dispute was decided; what was decided before stays on the book."""
        dispute, name = self._known[close.dispute_id], f"{close.source}:{close.id}"
        if close.outcome is DisputeOutcome.WON:
            if dispute.outcome is DisputeOutcome.LOST:
                self._regain(f"dispute-regained:{name}", close.at, dispute)
            else:
                self._money.free(dispute.part)
            self._share.book(self._won(f"dispute-closed:{name}", close.at, dispute))
        else:
            if dispute.outcome is DisputeOutcome.WON:
                dispute.part = self._money.set_aside(dispute.fact.amount, dispute.fact.payment_id)
                self._share.book(self._opened(f"dispute-again:{name}", close.at, dispute, fee=0))
            self._lose(f"dispute-closed:{name}", close.at, dispute)
        dispute.outcome = close.outcome

    def _lose(self, key: str, at: datetime, dispute: Dispute) -> None:
        """The driver's own money pays first, also what became due only after the dispute was opened."""
        fact = dispute.fact
        self._money.free(dispute.part)
        dispute.taken = self._money.take(fact.amount, fact.payment_id)
        dispute.back = self._given_back.for_dispute(fact.amount - dispute.taken.total)
        self._share.book(self._lost(key, at, dispute, dispute.back, 1))

    def _regain(self, key: str, at: datetime, dispute: Dispute) -> None:
        """All that was lost is there again."""
        back = dispute.back or Commission()
        self._money.put_back(dispute.taken)
        self._given_back.dispute_regained(back)
        self._share.book(self._lost(key, at, dispute, back, -1))

    def _head(self, key: str, at: datetime, dispute: Dispute) -> BookingHead:
        return self._share.head_at_once(key, at, dispute.fact.currency)

    def _drivers_own(self, dispute: Dispute) -> int:
        """What of the disputed amount is not the operator's."""
        return dispute.part.total

    def _opened(self, key: str, at: datetime, dispute: Dispute, fee: int) -> Booking:
        fact = dispute.fact
        return DisputeOpened(
            **self._head(key, at, dispute),
            dispute_id=fact.dispute_id,
            provider=self._captures[fact.payment_id].provider,
            amount=fact.amount,
            fee=fee,
            drivers_own=self._drivers_own(dispute),
        )

    def _won(self, key: str, at: datetime, dispute: Dispute) -> Booking:
        fact = dispute.fact
        return DisputeWon(
            **self._head(key, at, dispute),
            dispute_id=fact.dispute_id,
            provider=self._captures[fact.payment_id].provider,
            amount=fact.amount,
            drivers_own=self._drivers_own(dispute),
        )

    def _lost(self, key: str, at: datetime, dispute: Dispute, back: Commission, sign: int) -> Booking:
        fact, taken = dispute.fact, dispute.taken
        return DisputeLost(
            **self._head(key, at, dispute),
            dispute_id=fact.dispute_id,
            provider=self._captures[fact.payment_id].provider,
            amount=sign * fact.amount,
            commission_back=sign * back.net,
            commission_vat_back=sign * back.vat,
            drivers_own=sign * self._drivers_own(dispute),
            from_overpaid=sign * taken.overpaid,
            due_payment_id=taken.due_payment_id,
            from_refunds_due=sign * taken.due,
            vat_at=self._share.vat_at,
        )
