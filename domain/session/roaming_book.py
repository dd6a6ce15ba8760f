"""The book of a roaming session: it is earned when a partner accepts its CDR, and taken back with a credit CDR."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from domain.book.bookings import AcceptedCdrCredited, Booking, CdrAccepted, CdrInvoicePaid, ShareMatured
from domain.book.release import Release
from domain.book.treasury_bookings import HubFeeAccrued
from domain.catalogue.hubs import Hub
from domain.catalogue.parties import Funding, Partner
from domain.catalogue.run_terms import FundingSource
from domain.fact import in_order
from domain.session.decisions import IssuedCdr
from domain.session.facts import CdrAnswered, CdrPaid
from domain.session.release import release, release_at_once
from domain.session.scope import BookScope
from domain.values import value


@value
class RoamingCdrs:
    """The CDRs that went out to a partner, and what was answered and paid; only that partner's own word counts."""

    partner: Partner
    issued: Sequence[IssuedCdr]
    answers: Iterable[CdrAnswered]
    paid: Iterable[CdrPaid]


@value
class _AcceptedCdr:
    """A CDR that its partner accepted, the invoice that was paid for it, and the release of its share, if any."""

    cdr: IssuedCdr
    partner: str
    hub: Hub | None
    accepted_at: datetime
    invoice: CdrPaid | None
    release: Release | None

    @property
    def share(self) -> str:
        return f"cdr:{self.cdr.number}"


def roaming_book(scope: BookScope, cdrs: RoamingCdrs) -> tuple[list[Booking], dict[str, Release | None]]:
    """Bookings and releases of every CDR that was issued and accepted."""
    bookings: list[Booking] = []
    releases: dict[str, Release | None] = {}
    for accepted in _accepted(scope, cdrs):
        releases[accepted.share] = accepted.release
        for booking in _bookings(scope, accepted):
            if booking.share not in releases:
                releases[booking.share] = release_at_once(scope.catalogue, scope.operator_id, booking.effective_at)
            bookings.append(booking)
    return bookings, releases


def _accepted(scope: BookScope, cdrs: RoamingCdrs) -> Iterator[_AcceptedCdr]:
    partner = cdrs.partner
    for cdr in cdrs.issued:
        accepted_at = _accepted_at(cdr, partner, cdrs.answers)
        gross = cdr.key[2]
        if accepted_at is None or gross == 0:
            continue
        invoice = _invoice(cdr, partner, cdrs.paid)
        released_at = _released_at(partner, accepted_at, invoice)
        found = _release(scope, released_at) if released_at else None
        yield _AcceptedCdr(cdr, partner.partner, partner.hub, accepted_at, invoice, found)


def _release(scope: BookScope, released_at: datetime) -> Release | None:
    return release(scope.catalogue, scope.operator_id, released_at, FundingSource.ROAMING)


def _accepted_at(cdr: IssuedCdr, partner: Partner, answers: Iterable[CdrAnswered]) -> datetime | None:
    """When the partner first accepted the CDR, unless it had been credited by then."""
    times = [a.at for a in answers if a.accepted and a.cdr_id == cdr.cdr_id and a.partner == partner.partner]
    first = min(times, default=None)
    if first is None or (cdr.credited_at is not None and first >= cdr.credited_at):
        return None
    return first


def _invoice(cdr: IssuedCdr, partner: Partner, paid: Iterable[CdrPaid]) -> CdrPaid | None:
    """The first paid invoice that bills the CDR, unless it had been credited by then."""
    facts = [fact for fact in paid if fact.cdr_id == cdr.cdr_id and fact.partner == partner.partner]
    first = min(facts, key=in_order, default=None)
    if first is None or (cdr.credited_at is not None and first.at >= cdr.credited_at):
        return None
    return first


def _released_at(partner: Partner, accepted_at: datetime, invoice: CdrPaid | None) -> datetime | None:
    """ADVANCE releases at acceptance, PAY_WHEN_PAID when the invoice is paid (rule P23)."""
    if partner.funding == Funding.ADVANCE:
        return accepted_at
    return max(accepted_at, invoice.at) if invoice else None


def _bookings(scope: BookScope, accepted: _AcceptedCdr) -> Iterator[Booking]:
    """What an accepted CDR earns, until it is credited; what is pending of it then matures no more."""
    cdr, partner, invoice, share = accepted.cdr, accepted.partner, accepted.invoice, accepted.share
    _, _, gross, commission, commission_vat = cdr.key
    yield CdrAccepted(
        **scope.head(f"accepted:{cdr.number}", accepted.accepted_at, share),
        cdr_id=cdr.cdr_id,
        partner=partner,
        gross=gross,
        commission=commission,
        commission_vat=commission_vat,
    )
    if accepted.hub is not None:
        yield from _hub_fee(scope, accepted, accepted.hub)
    if invoice is not None:
        head = scope.head(f"invoiced:{cdr.number}", invoice.at, share)
        yield CdrInvoicePaid(**head, cdr_id=cdr.cdr_id, partner=partner, invoice_id=invoice.invoice_id, gross=gross)
    release = accepted.release
    matured = False
    if cdr.credited_at is not None:
        matured = release is not None and release.matured_before(cdr.credited_at, scope.clock)
        key = f"credited:{cdr.number}"
        yield AcceptedCdrCredited(
            **scope.head(key, cdr.credited_at, key if matured else share, matured=matured),
            cdr_id=cdr.cdr_id,
            partner=partner,
            invoiced=invoice is not None,
            gross=gross,
            commission=commission,
            commission_vat=commission_vat,
        )
    pending = gross - commission - commission_vat
    if release is not None and pending and (cdr.credited_at is None or matured):
        yield ShareMatured(**scope.head(f"maturing:{cdr.number}", release.matures_at, share=""), amount=pending)


def _hub_fee(scope: BookScope, accepted: _AcceptedCdr, hub: Hub) -> Iterator[Booking]:
    """What the partner's hub asks for a CDR that came through it (J15): it is not given back with a credit CDR."""
    fee, fee_vat = hub.fee_of(accepted.cdr.key[1])
    if fee:
        head = scope.head(f"hub:{accepted.cdr.number}", accepted.accepted_at, share="")
        yield HubFeeAccrued(**head, hub_id=hub.hub_id, vat_code=hub.vat_code, fee=fee, fee_vat=fee_vat)
