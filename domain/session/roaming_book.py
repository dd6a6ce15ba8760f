"""The book of a roaming session: it is earned when a partner accepts its CDR, and taken back with a credit CDR."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from domain.book.bookings import AcceptedCdrCredited, Booking, CdrAccepted, CdrInvoicePaid, ShareMatured
from domain.book.release import Release
from domain.catalogue.catalogue import Catalogue
from domain.catalogue.parties import Funding, Partner
from domain.fact import in_order
from domain.session.cdr_chain import IssuedCdr
from domain.session.facts import CdrAnswered, CdrPaid
from domain.session.release import release, release_at_once


def roaming_book(
    session_id: str,
    operator_id: str,
    currency: str,
    partner: Partner,
    issued: Sequence[IssuedCdr],
    answers: Iterable[CdrAnswered],
    paid: Iterable[CdrPaid],
    catalogue: Catalogue,
    clock: datetime | None = None,
) -> tuple[list[Booking], dict[str, Release | None]]:
    """Bookings and releases of every CDR that was issued; only answers of the session's own partner count."""
    head: dict[str, Any] = {"operator_id": operator_id, "currency": currency, "session_id": session_id}
    bookings: list[Booking] = []
    releases: dict[str, Release | None] = {}
    for cdr in issued:
        accepted_at = _accepted_at(cdr, partner, answers)
        if accepted_at is None or cdr.key[2] == 0:
            continue
        invoice = _invoice(cdr, partner, paid)
        release_of = _released_at(partner, accepted_at, invoice)
        share = f"cdr:{cdr.number}"
        found = release(catalogue, operator_id, release_of) if release_of else None
        releases[share] = found
        made = _cdr_bookings(cdr, partner, accepted_at, invoice, found, clock, head | {"share": share})
        for booking in made:
            if booking.share not in releases:
                releases[booking.share] = release_at_once(catalogue, operator_id, booking.effective_at)
        bookings += made
    return bookings, releases


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


def _cdr_bookings(
    cdr: IssuedCdr,
    partner: Partner,
    accepted_at: datetime,
    invoice: CdrPaid | None,
    released: Release | None,
    clock: datetime | None,
    head: dict[str, Any],
) -> list[Booking]:
    _, _, gross, commission, commission_vat = cdr.key
    of_cdr: dict[str, Any] = {"cdr_id": cdr.cdr_id, "partner": partner.partner, "gross": gross}
    split: dict[str, Any] = {"commission": commission, "commission_vat": commission_vat}
    number = cdr.number
    made: list[Booking] = [CdrAccepted(key=f"accepted:{number}", effective_at=accepted_at, **of_cdr, **split, **head)]
    if invoice is not None:
        made.append(
            CdrInvoicePaid(
                key=f"invoiced:{number}", effective_at=invoice.at, invoice_id=invoice.invoice_id, **of_cdr, **head
            )
        )
    pending = gross - commission - commission_vat
    if cdr.credited_at is not None:
        matured = released is not None and released.matured_before(cdr.credited_at, clock)
        key = f"credited:{number}"
        own = head | {"share": key, "matured": True} if matured else head
        credit = {"invoiced": invoice is not None, **of_cdr, **split, **own}
        made.append(AcceptedCdrCredited(key=key, effective_at=cdr.credited_at, **credit))
        pending = pending if matured else 0
    if released is not None and pending:
        key = f"maturing:{number}"
        made.append(ShareMatured(key=key, effective_at=released.matures_at, amount=pending, **(head | {"share": ""})))
    return made
