"""The book of a session that its driver pays: every booking, from its facts taken in the order of their own times.

The walk goes once through ratings, captures, failures, settlements, refunds and disputes by effective time, so the
outcome is a function of the set of facts and not of the order in which they arrived. After each step it looks whether
the operator's share is to be released.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import NamedTuple

from domain.book.bookings import Booking
from domain.book.findings import Finding, FindingKind
from domain.book.release import Release
from domain.catalogue.parties import FeeBearer, FundRelease
from domain.fact import Fact
from domain.session.assessment import Assessment, BillChange
from domain.session.driver.captures import Captures, Received, WriteOff
from domain.session.driver.ratings import Charged, Ratings
from domain.session.driver.refunds import GivenBack, Refunds
from domain.session.driver.share import Share
from domain.session.facts import Captured, DisputeClosed, Disputed, Failed, RefundBearer, Refunded
from domain.session.payment_facts import PaymentFacts, first_of_each, settled_captures
from domain.session.scope import BookScope
from domain.values import value


@value
class SessionBook:
    """What is to stand on the book for a session, its releases by share, the bills really charged, and findings."""

    bookings: tuple[Booking, ...]
    releases: dict[str, Release | None]
    billed: tuple[BillChange, ...]
    shortfall: int = 0
    findings: tuple[Finding, ...] = ()


def driver_book(scope: BookScope, assessment: Assessment, payments: PaymentFacts) -> SessionBook:
    """The book of a session the driver pays, or of payments whose session is not (yet) rated."""
    if not assessment.changes and not payments:
        return SessionBook((), {}, ())
    return _Walk(scope, assessment, payments).run()


class _Step(NamedTuple):
    """One fact to be taken in; steps go by their time, then rank, then (source, id)."""

    at: datetime
    rank: int
    source: str
    id: str
    take: Callable[[], None]


_in_order = itemgetter(0, 1, 2, 3)

# Looked up here once: to ask the class for a member takes longer than all that a step does with it.
_ON_CAPTURE, _ON_SETTLEMENT = FundRelease.ON_CAPTURE, FundRelease.ON_SETTLEMENT
_BY_OPERATOR = FeeBearer.OPERATOR


class _Walk:
    """One pass over the facts of a session in the order of their own times."""

    def __init__(self, scope: BookScope, assessment: Assessment, payments: PaymentFacts) -> None:
        self._assessment, self._payments = assessment, payments
        contract = assessment.contract
        self._terms = contract.operator if contract else None
        self._captures: list[Captured] = first_of_each(
            payments.captures, lambda fact: (fact.payment_id, fact.at, fact.amount)
        )
        self._capture_of = {capture.payment_id: capture for capture in reversed(self._captures)}
        self._due: dict[str, int] = defaultdict(int)
        self._share, self._charged = Share(scope), Charged()
        self._operator_id = scope.operator_id
        self._findings: list[Finding] = []
        self._received = Received(self._captures[0].payment_id if self._captures else "")
        self._write_off = WriteOff(self._share)
        self._rating = Ratings(self._share, self._charged, self._received, self._write_off, self._due)
        bearer = self._terms.psp_fee_bearer if self._terms and assessment.changes else None
        self._payment = Captures(self._share, self._received, self._write_off, recharges=bearer is _BY_OPERATOR)

    def run(self) -> SessionBook:
        for step in sorted(self._steps(), key=_in_order):
            step.take()
            self._consider_release(step.at)
        self._share.mature()
        charged = self._charged
        return SessionBook(
            tuple(self._share.bookings),
            self._share.releases,
            tuple(charged.changes),
            charged.shortfall,
            tuple(self._findings),
        )

    def _steps(self) -> Iterator[_Step]:
        for change in self._assessment.changes:
            yield _step(change, self._rating.change)
        for capture in self._captures:
            yield _step(capture, self._payment.capture)
        for failure in self._payments.failures:
            yield _step(failure, self._fail)
        for at, item, captures in settled_captures(self._captures, self._payments.settled):
            yield _Step(at, 0, item.source, item.id, partial(self._payment.settle, item, captures, at))
        if self._payments.refunds or self._payments.disputes:
            yield from self._steps_back()

    def _steps_back(self) -> Iterator[_Step]:
        """Of money that goes back to the driver."""
        changes = self._assessment.changes
        given_back = GivenBack(self._charged, changes[0].bill if changes else None)
        refunds = Refunds(self._share, self._capture_of, given_back, self._due)
        for refund in first_of_each(self._payments.refunds, lambda fact: fact.refund_id):
            if self._may_refund(refund):
                yield _step(refund, refunds.refund)
            elif refund.payment_id not in self._capture_of:
                self._findings.append(self._without_capture(refund))
        closes: dict[str, DisputeClosed] = {
            close.dispute_id: close for close in first_of_each(self._payments.closes, lambda fact: fact.dispute_id)
        }
        for dispute in first_of_each(self._payments.disputes, lambda fact: fact.dispute_id):
            if dispute.payment_id not in self._capture_of or not self._share.has_operator:
                continue
            yield _step(dispute, refunds.open_dispute)
            close = closes.get(dispute.dispute_id)
            if close is not None:
                yield _closing(dispute, close, refunds.close_dispute)

    def _may_refund(self, refund: Refunded) -> bool:
        """What was captured may; and at the cost of an operator only once it is known which."""
        paid = refund.payment_id in self._capture_of
        return paid and (self._share.has_operator or refund.borne_by == RefundBearer.PLATFORM)

    def _without_capture(self, refund: Refunded) -> Finding:
        return Finding(
            FindingKind.REFUND_WITHOUT_CAPTURE,
            key=f"refund:{refund.source}:{refund.id}",
            subject=refund.payment_id,
            operator_id=self._operator_id,
            since=refund.at,
            sentence=f"refund {refund.refund_id} is of payment {refund.payment_id}, of which no capture is known",
            currency=refund.currency,
            amount=refund.amount,
        )

    def _fail(self, failure: Failed) -> None:
        self._write_off.fail(self._charged.bill, failure.at)

    def _consider_release(self, now: datetime) -> None:
        """Release the whole share once the operator's `fund_release` is met."""
        floor, bill, terms = self._assessment.rateable_from, self._charged.bill, self._terms
        if self._share.release is not None or bill is None or floor is None or terms is None:
            return
        if terms.fund_release is _ON_CAPTURE and not self._received.reaches(bill):
            return
        if terms.fund_release is _ON_SETTLEMENT and not self._received.is_settled(bill):
            return
        self._share.release_at(max(now, floor))


def _closing(dispute: Disputed, close: DisputeClosed, take: Callable[[DisputeClosed], None]) -> _Step:
    """A dispute cannot close before it opened, whatever the sources' clocks say."""
    close = replace(close, at=max(close.at, dispute.at))
    return _Step(close.at, 1, close.source, close.id, partial(take, close))


def _step(fact: Fact | BillChange, take: Callable[..., None]) -> _Step:
    return _Step(fact.at, 0, fact.source, fact.id, partial(take, fact))
