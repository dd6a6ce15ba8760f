"""Splits of a session: what of the operator's share each payee has, and what of its losses each bears (J07).

It reads the bookings of a session in the order of their times. After each that changes the share, what every payee
should have is a function of the sum so far; the difference to what it has is passed on, at the time of that booking.
So it does not matter in how many steps a share came about, and each payee ends as if it had been so from the start.
A part is released with the share that it is of, and then waits as the payee's own terms say.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from domain.book.bookings import (
    AcceptedCdrCredited,
    Booking,
    CapturedSessionReRated,
    CdrAccepted,
    PaymentWrittenOff,
    PspFeeRecharged,
    SessionRated,
    SessionReRated,
    ShareMatured,
    ShareSplit,
)
from domain.book.findings import Finding
from domain.book.posting import payable_gain
from domain.book.release import Release
from domain.book.roaming_bookings import CdrDisputed, CdrDisputeLost, CdrDisputeWon
from domain.book.sale_bookings import (
    CapturedChargeReSold,
    CdrSold,
    ChargeReSold,
    ChargeSold,
    DisputeFeeRecharged,
    SoldCdrCredited,
)
from domain.catalogue.run_terms import FundingSource
from domain.catalogue.splits import Basis, Weights
from domain.exact import exact
from domain.session.assessment import BillChange
from domain.session.contracting import Contract
from domain.session.decisions import IssuedCdr
from domain.session.driver.share import SESSION_SHARE
from domain.session.payees import Payee, payee_of
from domain.session.release import release, release_at_once
from domain.session.scope import BookScope

# What changes the operator's payable and is nobody else's to bear: fees of providers, and maturing, which moves it.
_NOT_SHARED = (PspFeeRecharged, DisputeFeeRecharged, ShareMatured)
# Bookings that say anew what a session was billed.
_BILLS = (SessionRated, SessionReRated, CdrAccepted, ChargeSold, ChargeReSold, CdrSold)
_CAPTURED_BILLS = (CapturedSessionReRated, CapturedChargeReSold)
# Bookings of a pending share move it until it has matured; all others count at once.
_OF_PENDING = (
    SessionRated,
    SessionReRated,
    CapturedSessionReRated,
    PaymentWrittenOff,
    ChargeSold,
    ChargeReSold,
    CapturedChargeReSold,
)
_OF_CDRS = (
    CdrAccepted,
    AcceptedCdrCredited,
    CdrDisputed,
    CdrDisputeWon,
    CdrDisputeLost,
    CdrSold,
    SoldCdrCredited,
)
_MATURING = "maturing"
# How the names of shares begin that are a payee's.
OF_PAYEE = "split:"


class Shared(NamedTuple):
    """The book of a session whose share is split: `owners` are those of shares that are not the operator's."""

    bookings: list[Booking]
    releases: dict[str, Release | None]
    owners: dict[str, str]
    findings: list[Finding]


class Billed(NamedTuple):
    """What a session was billed over time: bills of its driver, and CDRs that went out to its partner."""

    changes: Sequence[BillChange]
    issued: Iterable[IssuedCdr]


def share_out(
    scope: BookScope,
    contract: Contract,
    billed: Billed,
    bookings: Sequence[Booking],
    releases: Mapping[str, Release | None],
) -> Shared:
    """The bookings and releases with what payees have of them, by the operator's terms at the session's start."""
    walk = _Walk(scope, contract, billed, dict(releases))
    for booking in sorted(bookings, key=_effective_at):
        walk.take(booking)
    # What another operator funds of a discount matures as it is.
    is_own = scope.operator_id
    return walk.finish(
        [each for each in bookings if not isinstance(each, ShareMatured) or each.operator_id != is_own]
    )


def _effective_at(booking: Booking) -> datetime:
    return booking.effective_at


@dataclass(slots=True)
class _Walk:
    """One pass over the bookings: the sum so far, what each payee has of it, and what is pending of each share."""

    scope: BookScope
    contract: Contract
    billed: Billed
    releases: dict[str, Release | None]
    made: list[Booking] = field(default_factory=list)
    owners: dict[str, str] = field(default_factory=dict)
    sum: int = 0
    basis: Basis | None = None
    has: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    since: dict[str, datetime] = field(default_factory=dict)
    # By the share that releases it.
    pending: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _payees: dict[str, Payee] = field(default_factory=dict)

    def take(self, booking: Booking) -> None:
        """Take in the next booking."""
        gain = payable_gain(booking, self.scope.operator_id)
        if not booking.matured and booking.share and not isinstance(booking, ShareMatured):
            self.pending[booking.share] += gain
        if isinstance(booking, _NOT_SHARED) or not booking.share:
            return
        terms = self.contract.operator.splits
        is_bill = isinstance(booking, _BILLS)
        if terms is None or not (is_bill or terms.losses):
            return
        if is_bill or isinstance(booking, _CAPTURED_BILLS):
            self.basis = self._basis(booking) or self.basis
        # Payees that bear no losses have their part of what was billed last, whatever became of it.
        self.sum = _billed_share(booking) if is_bill and not terms.losses else self.sum + gain
        self._pass_on(booking)

    def _basis(self, booking: Booking) -> Basis | None:
        """What was billed by a booking, None where the bill was withdrawn."""
        if isinstance(booking, CdrAccepted | CdrSold):
            number = int(booking.key.partition(":")[2])
            energy_wh, net, gross, commission, vat = next(
                each.key for each in self.billed.issued if each.number == number
            )
            share = booking.owed if isinstance(booking, CdrSold) else gross - commission - vat
            return Basis(net, gross, exact(energy_wh), share)
        by_then = [each.bill for each in self.billed.changes if each.at <= booking.effective_at]
        bill = by_then[-1] if by_then else None
        return Basis(bill.net, bill.gross, bill.energy_wh, bill.share) if bill is not None else None

    def _pass_on(self, booking: Booking) -> None:
        """Give each payee what it should have of the sum so far, and has not."""
        terms, basis = self.contract.operator.splits, self.basis
        if terms is None or basis is None:
            return
        splits = terms.at(self.contract.start.location_id)
        if not splits:
            return
        wanted = Weights(splits, basis).parts(self.sum)
        moved = {payee: part - self.has[payee] for payee, part in wanted.items() if part != self.has[payee]}
        if not moved:
            return
        parts = tuple(self._part(payee, amount, booking) for payee, amount in moved.items())
        amount = sum(moved.values())
        head = self.scope.head(
            f"split:{booking.key}",
            booking.effective_at,
            booking.share,
            matured=booking.matured,
            currency=booking.currency,
        )
        self.made.append(ShareSplit(**head, amount=amount, parts=parts))
        if not booking.matured:
            self.pending[booking.share] -= amount

    def _part(self, payee_id: str, amount: int, booking: Booking) -> list[str | int | bool]:
        self.has[payee_id] += amount
        at = booking.effective_at
        self.since.setdefault(payee_id, at)
        base = _base_of(booking)
        if base is not None:
            share = f"{OF_PAYEE}{payee_id}:{base}"
            found = self._release(payee_id, share, base)
            if found is None or not found.matured_before(at, self.scope.clock):
                self.pending[share] += amount
                return [payee_id, amount, False, share]
        share = f"{OF_PAYEE}{payee_id}:{booking.key}"
        self.owners[share] = payee_id
        payee = self._payee(payee_id)
        moment = payee.from_when(at)
        self.releases[share] = None if moment is None else release_at_once(self.scope.catalogue, payee_id, moment)
        return [payee_id, amount, True, share]

    def _release(self, payee_id: str, share: str, base: str) -> Release | None:
        """The release of a payee's part of a share: with that, then by its own terms."""
        if share not in self.releases:
            self.owners[share] = payee_id
            of_operator, found = self.releases.get(base), None
            moment = self._payee(payee_id).from_when(of_operator.released_at) if of_operator is not None else None
            if moment is not None:
                source = FundingSource.ROAMING if base != SESSION_SHARE else self.contract.channel
                found = release(self.scope.catalogue, payee_id, moment, source)
            self.releases[share] = found
        return self.releases[share]

    def _payee(self, payee_id: str) -> Payee:
        if payee_id not in self._payees:
            currency = self.scope.currency or ""
            self._payees[payee_id] = payee_of(
                self.scope.catalogue, payee_id, self.contract.operator, self.contract.start.at, currency
            )
        return self._payees[payee_id]

    def finish(self, bookings: list[Booking]) -> Shared:
        """All that is to stand, with what matures of each share by now."""
        made = [*bookings, *self.made]
        for share, amount in self.pending.items():
            found = self.releases.get(share)
            if found is not None and amount:
                scope = replace(self.scope, operator_id=self.owners.get(share, self.scope.operator_id))
                head = scope.head(_maturing_key(share), found.matures_at, share="")
                made.append(ShareMatured(**head, amount=amount))
        return Shared(made, self.releases, self.owners, list(self._findings()))

    def _findings(self) -> Iterable[Finding]:
        for payee_id, amount in self.has.items():
            kind, why = self._payee(payee_id).wrong
            if kind is not None and amount:
                sentence = f"{payee_id} has a part of session {self.scope.session_id} and is paid nothing: {why}"
                yield Finding(
                    kind,
                    f"payee:{payee_id}",
                    payee_id,
                    self.scope.operator_id,
                    self.since[payee_id],
                    sentence,
                    self.scope.currency,
                    amount,
                )


def _billed_share(booking: Booking) -> int:
    if isinstance(booking, SessionRated | SessionReRated | CdrAccepted):
        return booking.gross - booking.commission - booking.commission_vat
    return booking.owed if isinstance(booking, ChargeSold | ChargeReSold | CdrSold) else 0


def _base_of(booking: Booking) -> str | None:
    """The share that a booking is of while that is pending; None for what counts at once."""
    if isinstance(booking, _OF_PENDING):
        return SESSION_SHARE
    return f"cdr:{booking.key.split(':')[1]}" if isinstance(booking, _OF_CDRS) else None


def _maturing_key(share: str) -> str:
    if share == SESSION_SHARE:
        return _MATURING
    return f"{_MATURING}:{share if share.startswith(OF_PAYEE) else share.partition(':')[2]}"
