"""The book of a session that its driver pays: every booking, from its facts taken in the order of their own times.

The walk goes once through ratings, captures, failures, settlements, refunds and disputes by effective time, so the
outcome is a function of the set of facts and not of the order in which they arrived. After each step it looks whether
the operator's share is to be released.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from operator import attrgetter, itemgetter
from typing import NamedTuple

from domain.book.bookings import Booking
from domain.book.findings import Finding
from domain.book.release import Release
from domain.calendar import END
from domain.catalogue.dealing import AS_AGENT
from domain.catalogue.parties import FeeBearer, FundRelease
from domain.catalogue.run_terms import FundingSource
from domain.fact import Fact
from domain.payout.cut_offs import fires_at
from domain.session.assessment import VOIDED, Assessment, BillChange, SessionState
from domain.session.driver.astray import Astray
from domain.session.driver.captures import Captures, LostPayment, Received, WriteOff
from domain.session.driver.disputes import Disputes, outcomes, recharge_dispute_fee
from domain.session.driver.due import DriversMoney
from domain.session.driver.given_back import GivenBack
from domain.session.driver.ratings import Charged, Ratings
from domain.session.driver.refunds import Refunds
from domain.session.driver.sales import SaleDisputes, SaleRatings, SaleRefunds, SaleReturns
from domain.session.driver.settlements import DisputeFee, differing, dispute_fees, settlings, without_fees_of_others
from domain.session.driver.share import Share
from domain.session.driver.wallets import WalletMoves, WalletPayments
from domain.session.facts import Disputed, Failed, RefundBearer, Refunded
from domain.session.payment_facts import PaymentFacts, closes_by_dispute, distinct_captures, first_of_each
from domain.session.scope import BookScope
from domain.session.supplies import Dealt
from domain.values import value


@value
class SessionBook:
    """What is to stand on the book for a session, its releases by share, the bills really charged, and findings."""

    bookings: tuple[Booking, ...]
    releases: dict[str, Release | None]
    billed: tuple[BillChange, ...]
    shortfall: int = 0
    findings: tuple[Finding, ...] = ()
    # Until when the driver had not paid what was released to be paid out meanwhile; None where that never was so.
    ahead_until: datetime | None = None


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
_refund_id, _dispute_id = attrgetter("refund_id"), attrgetter("dispute_id")

# Looked up here once: to ask the class for a member takes longer than all that a step does with it.
_ON_SESSION, _ON_CAPTURE, _ON_SETTLEMENT = FundRelease.ON_SESSION, FundRelease.ON_CAPTURE, FundRelease.ON_SETTLEMENT
_BY_OPERATOR = FeeBearer.OPERATOR


class _Walk:
    """One pass over the facts of a session in the order of their own times."""

    def __init__(self, scope: BookScope, assessment: Assessment, payments: PaymentFacts) -> None:
        self._assessment, self._payments = assessment, payments
        contract = assessment.contract
        self._terms = contract.operator if contract else None
        self._captures = without_fees_of_others(distinct_captures(payments.captures), payments)
        self._capture_of = {capture.payment_id: capture for capture in reversed(self._captures)}
        dealt = _first_dealt(assessment)
        # Whether the platform sells in its own name: known once there is a bill.
        self._is_sale = dealt is not None and dealt.purchase is not None
        self._scope, self._charged = scope, Charged()
        self._share = Share(scope, dealt.commission_at if dealt is not None else "")
        if (payments.wallets or scope.wallet_id) and not self._captures:
            self._share.source = FundingSource.WALLET
        dealing = self._terms.dealing if self._terms and assessment.changes else AS_AGENT
        self._recharges_disputes = dealing.operator_bears_dispute_fees
        is_lost = self._is_sale or dealing.platform_bears_failures
        self._money = DriversMoney(_to_bill(assessment))
        self._wallets = WalletMoves(payments.wallets, scope) if payments.wallets else None
        self._received = Received(self._first_payment_id(), self._money)
        self._write_off = (LostPayment if is_lost else WriteOff)(self._share, self._money)
        self._rating = (SaleRatings if self._is_sale else Ratings)(
            self._share, self._charged, self._received, self._write_off, self._money
        )
        self._releases_at_once = self._terms is not None and self._terms.fund_release is _ON_SESSION
        self._versions = scope.catalogue.operators.get(scope.operator_id)
        self._paid_since: datetime | None = None
        bearer = self._terms.psp_fee_bearer if self._terms and assessment.changes else None
        self._payment = Captures(self._share, self._received, self._write_off, recharges=bearer is _BY_OPERATOR)

    def _first_payment_id(self) -> str:
        """Of what came first of all; a wallet is its own payment."""
        if self._captures:
            return self._captures[0].payment_id
        charges = self._wallets.charges if self._wallets is not None else ()
        return charges[0].wallet_id if charges else ""

    def run(self) -> SessionBook:
        for step in sorted(self._steps(), key=_in_order):
            step.take()
            if self._charged.raised is not None:
                self._rating.consider_raised(step.at)
            self._consider_release(step.at)
            if self._releases_at_once:
                self._consider_money(step.at)
        self._share.mature()
        charged = self._charged
        return SessionBook(
            tuple(self._share.bookings),
            self._share.releases,
            tuple(charged.changes),
            charged.shortfall,
            tuple(self._findings()),
            ahead_until=self._ahead_until(),
        )

    def _steps(self) -> Iterator[_Step]:
        for change in self._assessment.changes:
            yield _step(change, self._rating.change)
        for capture in self._captures:
            yield _step(capture, self._payment.capture)
        for failure in self._payments.failures:
            yield _step(failure, self._fail)
        if self._wallets is not None:
            yield from self._steps_of_wallets(self._wallets)
        if self._payments.settled:
            yield from self._steps_of_settlements()
        if self._payments.goes_back:
            yield from self._steps_back()

    def _steps_of_wallets(self, moves: WalletMoves) -> Iterator[_Step]:
        """A wallet says that a refund acts no sooner than a charge: of one moment the charges come first."""
        booked = WalletPayments(self._share, self._received, self._write_off, self._money, moves)
        for charge in moves.charges:
            yield _step(charge, booked.charge)
        for refund in moves.refunds:
            yield _Step(refund.at, 1, refund.source, refund.id, partial(booked.refund, refund))

    def _steps_of_settlements(self) -> Iterator[_Step]:
        for settling in settlings(self._captures, self._payments):
            yield _Step(settling.at, 0, settling.source, settling.id, partial(self._payment.settle, settling))
        if self._payments.disputes and self._share.has_operator:
            disputes = first_of_each(self._payments.disputes, _dispute_id)
            opened = [dispute for dispute in disputes if dispute.payment_id in self._capture_of]
            for fee in dispute_fees(opened, self._capture_of, self._payments):
                yield _Step(fee.at, 1, fee.source, fee.id, partial(self._correct_dispute_fee, fee))

    def _correct_dispute_fee(self, fee: DisputeFee) -> None:
        self._payment.correct_dispute_fee(fee)
        if self._recharges_disputes:
            key = f"dispute-fee-recharge:{fee.source}:{fee.id}"
            recharge_dispute_fee(self._share, key, fee.at, fee.dispute, fee.fee)

    def _steps_back(self) -> Iterator[_Step]:
        """Of money that goes back to the driver."""
        changes = self._assessment.changes
        first_bill = changes[0].bill if changes else None
        given_back = GivenBack(self._charged, first_bill)
        refunds: Refunds | SaleRefunds = Refunds(self._share, self._capture_of, given_back, self._money)
        if self._is_sale:
            returns = SaleReturns(self._charged, first_bill)
            refunds = SaleRefunds(self._share, self._capture_of, returns, self._money)
        failures = {fact.refund_id: fact for fact in first_of_each(self._payments.refund_failures, _refund_id)}
        for refund in first_of_each(self._payments.refunds, _refund_id):
            if self._may_act(refund):
                step = self._after_capture(refund, refunds.refund)
                yield step
                failure = failures.get(refund.refund_id)
                if failure is not None:
                    failure = failure if failure.at >= refund.at else replace(failure, at=refund.at)
                    yield _after(step, failure, 1, refunds.fail)
        disputes = (SaleDisputes if self._is_sale else Disputes)(
            self._share, self._capture_of, given_back, self._money, recharges=self._recharges_disputes
        )
        closes = closes_by_dispute(self._payments.closes)
        for dispute in first_of_each(self._payments.disputes, _dispute_id):
            if self._may_act(dispute):
                step = self._after_capture(dispute, disputes.open)
                yield step
                for number, close in enumerate(outcomes(dispute, closes.get(dispute.dispute_id, ())), 1):
                    yield _after(step, close, number, disputes.close)

    def _after_capture(self, fact: Refunded | Disputed, take: Callable[..., None]) -> _Step:
        """Nothing goes back before it was captured: what says so by another clock is taken in after the capture."""
        capture = self._capture_of[fact.payment_id]
        if fact.at > capture.at:
            return _step(fact, take)
        return _Step(capture.at, 1, fact.source, fact.id, partial(take, fact))

    def _may_act(self, fact: Refunded | Disputed) -> bool:
        """What was captured may go back; and at the cost of an operator only once it is known which."""
        if fact.payment_id not in self._capture_of:
            return False
        by_platform = isinstance(fact, Refunded) and fact.borne_by is RefundBearer.PLATFORM
        return by_platform or self._share.has_operator

    def _findings(self) -> Iterator[Finding]:
        payments, raised = self._payments, self._charged.raised
        if self._wallets is not None:
            yield from self._wallets.findings()
        told_once = len(payments.captures) == len(self._captures)
        if payments.settled:
            yield from differing(self._captures, payments, self._scope.operator_id)
        if told_once and raised is None and not payments.failures and not payments.goes_back:
            return
        astray = Astray(self._scope.operator_id, self._scope.session_id, self._captures, payments)
        yield from astray.findings(self._may_act)
        if raised is not None:
            yield astray.shortfall(raised.at, self._scope.currency or "", self._rating.missing())

    def _fail(self, failure: Failed) -> None:
        self._write_off.fail(self._charged.bill, failure.at)

    def _consider_release(self, now: datetime) -> None:
        """Release the whole share once the operator's `fund_release` is met."""
        floor, bill, terms = self._assessment.rateable_from, self._charged.bill, self._terms
        if self._share.release is not None or bill is None or floor is None or terms is None:
            return
        is_borne = self._write_off.releases and self._write_off.stands
        if terms.fund_release is _ON_CAPTURE and not (is_borne or self._received.reaches(bill)):
            return
        if terms.fund_release is _ON_SETTLEMENT and not (is_borne or self._received.is_settled(bill)):
            return
        self._share.release_at(max(now, floor))

    def _consider_money(self, now: datetime) -> None:
        """Note since when the driver has paid the bill, or the operator bears it."""
        bill = self._charged.bill
        is_owed = bill is not None and bill.gross > 0 and not self._received.reaches(bill)
        if is_owed and not self._write_off.stands:
            self._paid_since = None
        elif self._paid_since is None:
            self._paid_since = now

    def _ahead_until(self) -> datetime | None:
        """Until when a payout could pay the share ahead of the driver: from the first run that may pay it."""
        release, until = self._share.release, self._paid_since or END
        if not self._releases_at_once or release is None or until <= release.matures_at:
            return None
        fired = fires_at(self._versions, release.available_on) if self._versions else None
        return until if fired is None or fired[0] < until else None


def _first_dealt(assessment: Assessment) -> Dealt | None:
    """The taxes of the first bill, whose places and model are those of all."""
    first = assessment.changes[0].bill if assessment.changes else None
    return first.dealt if first is not None else None


def _to_bill(assessment: Assessment) -> int | None:
    """The gross of the first bill; nothing where another pays or it was none, None where it is never rated."""
    if assessment.changes:
        first = assessment.changes[0].bill
        return first.gross if first is not None else 0
    return 0 if assessment.state is SessionState.RATED or assessment.reason == VOIDED else None


def _after(step: _Step, fact: Fact, number: int, take: Callable[..., None]) -> _Step:
    """What follows a step, and is taken in after it even where it is told to be of the same moment or before it."""
    return _Step(max(step.at, fact.at), step.rank + number, fact.source, fact.id, partial(take, fact))


def _step(fact: Fact | BillChange, take: Callable[..., None]) -> _Step:
    return _Step(fact.at, 0, fact.source, fact.id, partial(take, fact))
