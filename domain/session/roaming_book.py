"""The book of a roaming session: it is earned when a partner accepts its CDR, and taken back with a credit CDR."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from domain.book.bookings import Booking
from domain.book.release import Release
from domain.catalogue.parties import Funding, Partner
from domain.catalogue.run_terms import FundingSource
from domain.fact import in_order
from domain.session.accepted_cdr import AcceptedCdr, bookings_of
from domain.session.assessment import BillChange
from domain.session.cdr_disputes import Disputable, Ruling, disputes_of
from domain.session.decisions import IssuedCdr
from domain.session.facts import CdrAnswered, CdrPaid
from domain.session.release import release, release_at_once
from domain.session.roaming_facts import CdrInvoiced, PartnersWord
from domain.session.scope import BookScope
from domain.session.supplies import Dealt, Supplies
from domain.values import value


@value
class RoamingCdrs:
    """The CDRs that went out to a partner, and what was answered and paid; only that partner's own word counts."""

    partner: Partner
    issued: Sequence[IssuedCdr]
    answers: Iterable[CdrAnswered]
    paid: Iterable[CdrPaid]
    told: PartnersWord
    # How their sales are taxed where the terms tell it, and the bills that were charged, with their taxes.
    supplies: Supplies | None = None
    billed: Sequence[BillChange] = ()

    def dealt_of(self, cdr: IssuedCdr) -> Dealt | None:
        """The taxes of a CDR: of the bill that it was made of; where that is gone, as those of the last bill."""
        if self.supplies is None:
            return None
        bills = [change.bill for change in self.billed if change.bill is not None]
        for bill in bills:
            if bill.key == cdr.key:
                return bill.dealt
        _, net, gross, commission, _ = cdr.key
        return self.supplies.dealt_like(bills[-1].dealt if bills else None, net, gross, commission)


def roaming_book(scope: BookScope, cdrs: RoamingCdrs) -> tuple[list[Booking], dict[str, Release | None]]:
    """Bookings and releases of every CDR that was issued and accepted."""
    bookings: list[Booking] = []
    releases: dict[str, Release | None] = {}
    for accepted in _accepted(scope, cdrs):
        releases[accepted.share] = accepted.release
        for booking in bookings_of(scope, accepted):
            if booking.share not in releases:
                releases[booking.share] = release_at_once(scope.catalogue, scope.operator_id, booking.effective_at)
            bookings.append(booking)
    return bookings, releases


def _accepted(scope: BookScope, cdrs: RoamingCdrs) -> Iterator[AcceptedCdr]:
    partner = cdrs.partner
    for cdr in cdrs.issued:
        accepted_at = first_accepted(cdr, partner, cdrs.answers)
        gross = cdr.key[2]
        if accepted_at is None or gross == 0:
            continue
        invoice = _invoice(cdr, partner, cdrs.paid)
        released_at = _released_at(partner, accepted_at, invoice)
        found = _release(scope, released_at) if released_at else None
        bills = _invoice(cdr, partner, cdrs.told.invoiced) or invoice
        dealt = cdrs.dealt_of(cdr)
        # Nothing is held of an operator for a dispute about the platform's own sale; a lost one credits the CDR.
        is_sale = dealt is not None and dealt.purchase is not None
        rulings = () if is_sale else _rulings(scope, cdr, accepted_at, cdrs)
        yield AcceptedCdr(cdr, partner.partner, accepted_at, bills, found, rulings, invoice, partner.hub, dealt)


def _rulings(scope: BookScope, cdr: IssuedCdr, accepted_at: datetime, cdrs: RoamingCdrs) -> Sequence[Ruling]:
    told = cdrs.told
    if not told.disputes:
        return ()
    about = Disputable(cdr.cdr_id, cdrs.partner.partner, scope.currency or "", cdr.key[2], accepted_at)
    return disputes_of(about, told.disputes, told.closes).rulings


def _release(scope: BookScope, released_at: datetime) -> Release | None:
    return release(scope.catalogue, scope.operator_id, released_at, FundingSource.ROAMING)


def first_accepted(cdr: IssuedCdr, partner: Partner, answers: Iterable[CdrAnswered]) -> datetime | None:
    """When the partner first accepted the CDR, unless it had been credited by then."""
    times = [a.at for a in answers if a.accepted and a.cdr_id == cdr.cdr_id and a.partner == partner.partner]
    first = min(times, default=None)
    if first is None or (cdr.credited_at is not None and first >= cdr.credited_at):
        return None
    return first


_Bills = TypeVar("_Bills", CdrInvoiced, CdrPaid)


def _invoice(cdr: IssuedCdr, partner: Partner, told: Iterable[_Bills]) -> _Bills | None:
    """The first invoice that bills the CDR, as issued or as paid, unless it had been credited by then."""
    facts = [fact for fact in told if fact.cdr_id == cdr.cdr_id and fact.partner == partner.partner]
    first = min(facts, key=in_order, default=None)
    if first is None or (cdr.credited_at is not None and first.at >= cdr.credited_at):
        return None
    return first


def _released_at(partner: Partner, accepted_at: datetime, invoice: CdrPaid | None) -> datetime | None:
    """ADVANCE releases at acceptance, PAY_WHEN_PAID when the invoice is paid (rule P23)."""
    if partner.funding == Funding.ADVANCE:
        return accepted_at
    return max(accepted_at, invoice.at) if invoice else None
