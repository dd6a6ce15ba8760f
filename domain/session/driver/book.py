"""The book of a session that its driver pays: every booking, from its facts taken in the order of their own times.

The walk goes once through ratings, captures, failures, settlements, refunds and disputes by effective time, so the
outcome is a function of the set of facts and not of the order in which they arrived.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

from domain.book.bookings import (
    Booking,
    CapturedSessionReRated,
    DisputeLost,
    DisputeOpened,
    DisputeWon,
    PaymentCaptured,
    PaymentRefunded,
    PaymentWrittenOff,
    PspFeeCorrected,
    PspFeeRecharged,
    SessionRated,
    SessionReRated,
    ShareMatured,
)
from domain.book.release import Release
from domain.catalogue.catalogue import Catalogue
from domain.fact import Fact
from domain.money import largest_remainder
from domain.session.assessment import Assessment, Bill, BillChange
from domain.session.facts import Captured, DisputeClosed, Disputed, Failed, Refunded, Settled
from domain.session.payment_facts import PaymentFacts, first_of_each, settled_captures
from domain.session.release import release, release_at_once
from domain.values import value

SESSION_SHARE = "session"
NO_BILL = (0, 0, 0)


@value
class SessionBook:
    """What is to stand on the book for a session, its releases by share, and the bills that were really charged."""

    bookings: tuple[Booking, ...]
    releases: dict[str, Release | None]
    billed: tuple[BillChange, ...]
    shortfall: int = 0


def driver_book(
    session_id: str,
    operator_id: str,
    currency: str | None,
    assessment: Assessment,
    payments: PaymentFacts,
    catalogue: Catalogue,
    clock: datetime | None = None,
) -> SessionBook:
    """The book of a session the driver pays, or of payments whose session is not (yet) rated, as of a clock."""
    if not assessment.changes and not payments:
        return SessionBook((), {}, ())
    walk = _Walk(session_id, operator_id, currency, assessment, payments, catalogue, clock)
    return walk.run()


class _Step(NamedTuple):
    at: datetime
    rank: int
    source: str
    id: str
    act: Callable[[Any], None]
    subject: Any


# Steps by their time, then rank, then (source, id).
_in_order = itemgetter(0, 1, 2, 3)


class _Walk:
    """One pass over the facts of a session in the order of their own times."""

    def __init__(
        self,
        session_id: str,
        operator_id: str,
        currency: str | None,
        assessment: Assessment,
        payments: PaymentFacts,
        catalogue: Catalogue,
        clock: datetime | None,
    ) -> None:
        self.clock = clock
        self.session_id, self.operator_id, self.currency = session_id, operator_id, currency
        self.assessment, self.payments, self.catalogue = assessment, payments, catalogue
        contract = assessment.contract
        self.fund_release = contract.operator.fund_release if contract else ""
        self.recharges = bool(assessment.changes) and contract is not None
        self.recharges = self.recharges and contract is not None and contract.operator.psp_fee_bearer == "OPERATOR"
        self.captures = first_of_each(payments.captures, lambda fact: (fact.payment_id, fact.at, fact.amount))
        self.capture_of = {capture.payment_id: capture for capture in reversed(self.captures)}
        self.bookings: list[Booking] = []
        self.releases: dict[str, Release | None] = {}
        self.bill: Bill | None = None
        self.billed: list[BillChange] = []
        self.withdrawn: Bill | None = None
        self.shortfall = 0
        self.captured = self.settled = 0
        self.captures_seen = 0
        self.failed: Failed | None = None
        self.written_off: int | None = None
        self.release: Release | None = None
        self.pending = 0
        self.refunds_due: dict[str, int] = defaultdict(int)
        self.shared_refunds = 0
        self.refund_commission = self.refund_vat = 0
        self.commission_back = self.commission_vat_back = 0
        self.open_disputes: dict[str, tuple[Disputed, Captured]] = {}

    def run(self) -> SessionBook:
        for step in sorted(self._steps(), key=_in_order):
            step.act(step.subject)
            self._consider_release(step.at)
        if self.release is not None:
            self._mature(self.release)
        return SessionBook(tuple(self.bookings), self.releases, tuple(self.billed), self.shortfall)

    def _steps(self) -> list[_Step]:
        steps = [_Step(c.at, 0, c.source, c.id, self._bill_changes, c) for c in self.assessment.changes]
        steps += [self._step(self._capture, capture) for capture in self.captures]
        steps += [self._step(self._fail, failure) for failure in self.payments.failures]
        steps += self._settlement_steps()
        for refund in first_of_each(self.payments.refunds, lambda fact: fact.refund_id):
            if refund.payment_id in self.capture_of and (self.operator_id or refund.borne_by == "PLATFORM"):
                steps.append(self._step(self._refund, refund))
        return steps + self._dispute_steps()

    @staticmethod
    def _step(act: Callable[[Any], None], fact: Fact) -> _Step:
        return _Step(fact.at, 0, fact.source, fact.id, act, fact)

    def _dispute_steps(self) -> list[_Step]:
        steps = []
        closes = {close.dispute_id: close for close in first_of_each(self.payments.closes, lambda f: f.dispute_id)}
        for dispute in first_of_each(self.payments.disputes, lambda fact: fact.dispute_id):
            if dispute.payment_id not in self.capture_of or not self.operator_id:
                continue
            steps.append(self._step(self._open_dispute, dispute))
            close = closes.get(dispute.dispute_id)
            if close is not None:
                # A dispute cannot close before it opened, whatever the sources' clocks say.
                at = max(close.at, dispute.at)
                steps.append(_Step(at, 1, close.source, close.id, self._close_dispute, replace(close, at=at)))
        return steps

    def _settlement_steps(self) -> list[_Step]:
        return [
            _Step(at, 0, item.source, item.id, self._settle, (at, item, captures))
            for at, item, captures in settled_captures(self.captures, self.payments.settled)
        ]

    def _book(
        self, kind: type[Booking], key: str, at: datetime, currency: str | None = None, **amounts: Any
    ) -> Booking:
        """Book against the pending share, or at once against the available payable when the share had matured."""
        matured = self.release is not None and self.release.matured_before(at, self.clock)
        booking = kind(
            key=key,
            effective_at=at,
            currency=currency or self._currency_of_bill(),
            operator_id=self.operator_id,
            session_id=self.session_id,
            share=key if matured else SESSION_SHARE,
            matured=matured,
            **amounts,
        )
        if matured:
            self.releases[key] = release_at_once(self.catalogue, self.operator_id, at)
        self.bookings.append(booking)
        return booking

    def _book_at_once(self, kind: type[Booking], key: str, at: datetime, currency: str, **amounts: Any) -> None:
        """Book what moves the available payable itself (2010), without delay."""
        self.releases[key] = release_at_once(self.catalogue, self.operator_id, at)
        head: dict[str, Any] = {"operator_id": self.operator_id, "session_id": self.session_id, "share": key}
        self.bookings.append(kind(key=key, effective_at=at, currency=currency, matured=True, **head, **amounts))

    def _currency_of_bill(self) -> str:
        contract = self.assessment.contract
        return contract.operator.currency if contract else self.currency or ""

    def _move_pending(self, booking: Booking, amount: int) -> None:
        if not booking.matured:
            self.pending += amount

    # Ratings ---------------------------------------------------------------------------------------------------

    def _bill_changes(self, change: BillChange) -> None:
        old = self.bill
        if not self.billed:
            self._first_bill(change)
        elif self.withdrawn is not None or (old is not None and self._captures_reached(old)):
            self._re_rate_captured(old, change)
        else:
            self._re_rate(old, change)

    def _first_bill(self, change: BillChange) -> None:
        self._set_bill(change)
        bill = change.bill
        if bill is not None and bill.gross:
            amounts: dict[str, Any] = {
                "gross": bill.gross,
                "commission": bill.commission,
                "commission_vat": bill.commission_vat,
            }
            self._move_pending(self._book(SessionRated, "rating", change.at, **amounts), bill.share)
        if self.failed is not None and self.captures_seen == 0:
            self._write_off(change.at)

    def _re_rate(self, old: Bill | None, change: BillChange) -> None:
        new = change.bill
        self._set_bill(change)
        before, after = _amounts(old), _amounts(new)
        if before != after:
            key = f"re-rating:{change.source}:{change.id}"
            booking = self._book(SessionReRated, key, change.at, **_old_and_new(before, after))
            self._move_pending(booking, _share(after) - _share(before))
        written_off = self._written_off()
        if written_off is not None and written_off != after[0]:
            self._book_write_off(f"write-off:{change.source}:{change.id}", change.at, after[0] - written_off)
            self.written_off = after[0]

    def _re_rate_captured(self, old: Bill | None, change: BillChange) -> None:
        """What was captured cannot be raised without a new authorisation; a lower price is due back (J59).

        A bill that is withdrawn is a price of nothing; it comes back, at most as it was, out of what is still due.
        """
        payment_id, new = self.captures[0].payment_id, change.bill
        ceiling = old.gross if old is not None else self.refunds_due[payment_id]
        billable = new
        if new is not None and self.withdrawn is not None and new.gross > self.withdrawn.gross:
            billable = self.withdrawn
        self.shortfall = new.gross - ceiling if new is not None and new.gross > ceiling else 0
        if billable is not None and billable.gross > ceiling:
            return
        self.withdrawn = old if billable is None else None
        self._set_bill(replace(change, bill=billable))
        before, after = _amounts(old), _amounts(billable)
        if before == after:
            return
        key = f"re-rating:{change.source}:{change.id}"
        amounts = _old_and_new(before, after)
        booking = self._book(CapturedSessionReRated, key, change.at, payment_id=payment_id, **amounts)
        self._move_pending(booking, _share(after) - _share(before))
        self.refunds_due[payment_id] += before[0] - after[0]

    def _set_bill(self, change: BillChange) -> None:
        self.bill = change.bill
        self.billed.append(change)

    def _captures_reached(self, bill: Bill) -> bool:
        return self.captures_seen > 0 and self.captured >= bill.gross

    # Captures, failures and settlements ------------------------------------------------------------------------

    def _capture(self, fact: Captured) -> None:
        key = f"capture:{fact.source}:{fact.id}"
        self.bookings.append(
            PaymentCaptured(
                key=key,
                effective_at=fact.at,
                currency=fact.currency,
                session_id=self.session_id,
                payment_id=fact.payment_id,
                provider=fact.provider,
                amount=fact.amount,
                fee=fact.fee,
            )
        )
        self._recharge(f"recharge:{fact.source}:{fact.id}", fact, fact.fee, fact.at)
        self.captured += fact.amount
        self.captures_seen += 1
        if self.written_off:
            self._book_write_off(f"write-off-mirror:{fact.source}:{fact.id}", fact.at, -self.written_off)
        self.written_off = None

    def _recharge(self, key: str, fact: Captured, fee: int, at: datetime) -> None:
        if self.recharges and fee:
            booking = self._book(
                PspFeeRecharged, key, at, currency=fact.currency, payment_id=fact.payment_id, fee=fee
            )
            self._move_pending(booking, -fee)

    def _fail(self, fact: Failed) -> None:
        if self.failed is not None or self.captures_seen:
            return
        self.failed = fact
        if self.bill is not None:
            self._write_off(fact.at)

    def _write_off(self, at: datetime) -> None:
        if self.bill is not None and self.bill.gross:
            self.written_off = self.bill.gross
            self._book_write_off("write-off", at, self.bill.gross)

    def _written_off(self) -> int | None:
        """What a failed payment has written off so far, None when nothing has failed or a capture made it good."""
        if self.written_off is None and self.failed is not None and self.captures_seen == 0:
            return 0
        return self.written_off

    def _book_write_off(self, key: str, at: datetime, gross: int) -> None:
        self._move_pending(self._book(PaymentWrittenOff, key, at, gross=gross), -gross)

    def _settle(self, subject: tuple[datetime, Settled, list[Captured]]) -> None:
        at, item, captures = subject
        self.settled += sum(capture.amount for capture in captures)
        first = captures[0]
        difference = item.fee - sum(capture.fee for capture in captures)
        if not difference or item.currency != first.currency:
            return
        key = f"fee:{item.source}:{item.id}:{item.payment_id}"
        self.bookings.append(
            PspFeeCorrected(
                key=key,
                effective_at=at,
                currency=first.currency,
                session_id=self.session_id,
                payment_id=first.payment_id,
                provider=first.provider,
                fee=difference,
            )
        )
        self._recharge(f"recharge:{item.source}:{item.id}:{item.payment_id}", first, difference, at)

    # Refunds and disputes --------------------------------------------------------------------------------------

    def _refund(self, fact: Refunded) -> None:
        due_payment_id, from_due = self._take_refunds_due(fact)
        rest = fact.amount - from_due
        back, vat_back = self._commission_for_refund(rest) if fact.borne_by == "SHARED" else (0, 0)
        amounts: dict[str, Any] = {
            "refund_id": fact.refund_id,
            "payment_id": fact.payment_id,
            "due_payment_id": due_payment_id,
            "provider": self.capture_of[fact.payment_id].provider,
            "from_refunds_due": from_due,
            "by_operator": 0 if fact.borne_by == "PLATFORM" else rest,
            "by_platform": rest if fact.borne_by == "PLATFORM" else 0,
            "commission_back": back,
            "commission_vat_back": vat_back,
        }
        key = f"refund:{fact.source}:{fact.id}"
        if fact.borne_by == "PLATFORM":
            head: dict[str, Any] = {"effective_at": fact.at, "currency": fact.currency, "session_id": self.session_id}
            self.bookings.append(PaymentRefunded(key=key, **head, **amounts))
        else:
            self._book_at_once(PaymentRefunded, key, fact.at, fact.currency, **amounts)

    def _take_refunds_due(self, fact: Refunded) -> tuple[str, int]:
        """What a lowered price left on 2080 pays a refund first (J59r)."""
        for payment_id, due in self.refunds_due.items():
            if due > 0:
                taken = min(due, fact.amount)
                self.refunds_due[payment_id] -= taken
                return payment_id, taken
        return fact.payment_id, 0

    def _split_bill(self) -> Bill | None:
        """The bill by which money is given back: the one charged then, or the first to come for what was prepaid."""
        if self.billed or not self.assessment.changes:
            return self.bill
        return self.assessment.changes[0].bill

    def _commission_for_refund(self, amount: int) -> tuple[int, int]:
        """Commission and VAT given back: the split of all SHARED refunds so far, less what they gave back before."""
        bill = self._split_bill()
        if bill is None or not bill.gross:
            return (0, 0)
        self.shared_refunds += amount
        whole = min(self.shared_refunds, bill.gross)
        _, commission, vat = largest_remainder(whole, (bill.share, bill.commission, bill.commission_vat))
        back = _within(commission - self.refund_commission, bill.commission - self.commission_back)
        vat_back = _within(vat - self.refund_vat, bill.commission_vat - self.commission_vat_back)
        self.refund_commission += back
        self.refund_vat += vat_back
        self._give_back(back, vat_back)
        return back, vat_back

    def _give_back(self, commission: int, vat: int) -> None:
        self.commission_back += commission
        self.commission_vat_back += vat

    def _open_dispute(self, fact: Disputed) -> None:
        capture = self.capture_of[fact.payment_id]
        self.open_disputes[fact.dispute_id] = (fact, capture)
        head = {"dispute_id": fact.dispute_id, "provider": capture.provider}
        key = f"dispute:{fact.source}:{fact.id}"
        self._book_at_once(DisputeOpened, key, fact.at, fact.currency, amount=fact.amount, fee=fact.fee, **head)

    def _close_dispute(self, close: DisputeClosed) -> None:
        dispute, capture = self.open_disputes[close.dispute_id]
        key = f"dispute-closed:{close.source}:{close.id}"
        head: dict[str, Any] = {
            "dispute_id": close.dispute_id,
            "provider": capture.provider,
            "amount": dispute.amount,
        }
        if close.outcome == "WON":
            self._book_at_once(DisputeWon, key, close.at, dispute.currency, **head)
            return
        back, vat_back = self._commission_for_dispute(dispute.amount)
        amounts = {"commission_back": back, "commission_vat_back": vat_back}
        self._book_at_once(DisputeLost, key, close.at, dispute.currency, **head, **amounts)

    def _commission_for_dispute(self, amount: int) -> tuple[int, int]:
        """Commission and VAT given back for a lost dispute, at most what refunds and disputes have left of them."""
        bill = self._split_bill()
        if bill is None or not bill.gross:
            return (0, 0)
        weights = (bill.share, bill.commission, bill.commission_vat)
        _, commission, vat = largest_remainder(min(amount, bill.gross), weights)
        back = _within(commission, bill.commission - self.commission_back)
        vat_back = _within(vat, bill.commission_vat - self.commission_vat_back)
        self._give_back(back, vat_back)
        return back, vat_back

    # Release and maturing --------------------------------------------------------------------------------------

    def _consider_release(self, now: datetime) -> None:
        """Release the whole share once the operator's `fund_release` is met; it is never taken back."""
        floor = self.assessment.rateable_from
        if self.release is not None or self.bill is None or floor is None:
            return
        if self.fund_release == "ON_CAPTURE" and not self._captures_reached(self.bill):
            return
        if self.fund_release == "ON_SETTLEMENT" and (not self.captures_seen or self.settled < self.bill.gross):
            return
        self.release = release(self.catalogue, self.operator_id, max(now, floor))
        self.releases[SESSION_SHARE] = self.release

    def _mature(self, released: Release) -> None:
        if not self.pending:
            return
        self.bookings.append(
            ShareMatured(
                key="maturing",
                effective_at=released.matures_at,
                currency=self._currency_of_bill(),
                operator_id=self.operator_id,
                session_id=self.session_id,
                amount=self.pending,
            )
        )


def _amounts(bill: Bill | None) -> tuple[int, int, int]:
    return (bill.gross, bill.commission, bill.commission_vat) if bill else NO_BILL


def _share(amounts: tuple[int, int, int]) -> int:
    gross, commission, commission_vat = amounts
    return gross - commission - commission_vat


def _old_and_new(before: tuple[int, int, int], after: tuple[int, int, int]) -> dict[str, Any]:
    names = ("gross", "commission", "commission_vat")
    return {f"old_{name}": amount for name, amount in zip(names, before, strict=True)} | dict(
        zip(names, after, strict=True)
    )


def _within(amount: int, limit: int) -> int:
    return max(0, min(amount, limit))
