"""What an accepted CDR comes to on the book: earned, invoiced, disputed and decided, taken back, matured.

Amounts are the CDR's own, in minor units. What is disputed stands on 1220 and is invoiced no more while it does; what
is lost is gone, and a credit CDR takes back the rest.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from domain.book.bookings import AcceptedCdrCredited, Booking, CdrAccepted, CdrInvoicePaid, ShareMatured
from domain.book.release import Release
from domain.book.roaming_bookings import CdrDisputed, CdrDisputeLost, CdrDisputeWon, CdrInvoiced, InvoicedCdrPaid
from domain.book.sale_bookings import CdrSold, SoldCdrCredited
from domain.book.treasury_bookings import HubFeeAccrued
from domain.catalogue.hubs import Hub
from domain.money import largest_remainder
from domain.session.cdr_disputes import Act, Ruling
from domain.session.decisions import IssuedCdr
from domain.session.driver.sales import sold
from domain.session.facts import CdrPaid
from domain.session.roaming_facts import CdrInvoiced as InvoiceIssued
from domain.session.scope import BookingHead, BookScope
from domain.session.supplies import Dealt, Purchase
from domain.values import value


@value
class AcceptedCdr:
    """A CDR that its partner accepted, with what was told of it that counts.

    `bills` is the invoice that bills it, when it was issued or else paid, `paid` the one that was paid, `release`
    that of its share, if any, `hub` whom the CDR went through.
    """

    cdr: IssuedCdr
    partner: str
    accepted_at: datetime
    bills: InvoiceIssued | CdrPaid | None
    release: Release | None
    rulings: Sequence[Ruling] = ()
    paid: CdrPaid | None = None
    hub: Hub | None = None
    # Its taxes, where the operator's terms tell them.
    dealt: Dealt | None = None

    @property
    def purchase(self) -> Purchase | None:
        """What the platform buys it for, where it sells it itself."""
        return self.dealt.purchase if self.dealt is not None else None

    @property
    def vat_at(self) -> str:
        """Where the VAT of its commission is due."""
        return self.dealt.commission_at if self.dealt is not None else ""

    @property
    def share(self) -> str:
        """The name of its share among those of the session."""
        return f"cdr:{self.cdr.number}"


def bookings_of(scope: BookScope, accepted: AcceptedCdr) -> Iterator[Booking]:
    """What an accepted CDR earns, until it is credited; what is pending of it then matures no more."""
    book = _Book(scope, accepted)
    yield book.earned()
    yield from book.hub_fee()
    for _, _, act in book.steps():
        yield from act()
    matured = book.matured()
    if matured is not None:
        yield matured


class _Book:
    """One accepted CDR, step by step: where its receivable stands, and what of its share is pending."""

    def __init__(self, scope: BookScope, accepted: AcceptedCdr) -> None:
        self._scope, self._of, self._cdr = scope, accepted, accepted.cdr
        _, _, self._gross, self._commission, self._commission_vat = accepted.cdr.key
        self._open: dict[str, Ruling] = {}
        self._lost = 0
        self._is_invoiced = self._is_paid = False
        # What the share has on 2011, as an amount that is owed.
        self._pending = 0

    def earned(self) -> Booking:
        """J13 and J14; of what the platform sells itself J13p, and J06 or J06r."""
        head = self._scope.head(f"accepted:{self._cdr.number}", self._of.accepted_at, self._of.share)
        purchase, dealt = self._of.purchase, self._of.dealt
        if purchase is not None and dealt is not None:
            self._pending += purchase.share
            return CdrSold(**head, cdr_id=self._cdr.cdr_id, partner=self._of.partner, **sold(self._gross, dealt))
        self._pending += self._gross - self._commission - self._commission_vat
        return CdrAccepted(
            **head,
            cdr_id=self._cdr.cdr_id,
            partner=self._of.partner,
            gross=self._gross,
            commission=self._commission,
            commission_vat=self._commission_vat,
            vat_at=self._of.vat_at,
        )

    def hub_fee(self) -> Iterator[Booking]:
        """What the partner's hub asks for a CDR that came through it (J15): no credit CDR gives it back."""
        hub = self._of.hub
        fee, fee_vat = hub.fee_of(self._cdr.key[1]) if hub is not None else (0, 0)
        if hub is not None and fee:
            head = self._scope.head(f"hub:{self._cdr.number}", self._of.accepted_at, share="")
            yield HubFeeAccrued(**head, hub_id=hub.hub_id, vat_code=hub.vat_code, fee=fee, fee_vat=fee_vat)

    def steps(self) -> list[tuple[datetime, int, Callable[[], Iterator[Booking]]]]:
        """Everything that happens to it, in the order in which it acts, up to the moment at which it is credited."""
        found: list[tuple[datetime, int, Callable[[], Iterator[Booking]]]] = []
        credited_at = self._cdr.credited_at
        if self._of.bills is not None:
            found.append((self._of.bills.at, 0, self._invoiced))
        if self._of.paid is not None and self._of.paid is not self._of.bills:
            found.append((self._of.paid.at, 0, self._paid))
        for ruling in self._of.rulings:
            if credited_at is None or ruling.at <= credited_at:
                found.append((ruling.at, 1, _doing(_ACTS[ruling.act], self, ruling)))
        if credited_at is not None:
            found.append((credited_at, 2, self._credited))
        # Rulings of one moment stay in their order.
        return sorted(found, key=lambda step: step[:2])

    def matured(self) -> Booking | None:
        """J08 of what is pending when the share matures."""
        release = self._of.release
        if release is None or not self._pending:
            return None
        head = self._scope.head(f"maturing:{self._cdr.number}", release.matures_at, share="")
        return ShareMatured(**head, amount=self._pending)

    def _invoiced(self) -> Iterator[Booking]:
        """J16 of what is neither disputed nor lost."""
        bills, amount = self._of.bills, self._left()
        self._is_invoiced, self._is_paid = True, isinstance(bills, CdrPaid)
        if bills is None or not amount:
            return
        head = self._scope.head(f"invoiced:{self._cdr.number}", bills.at, self._of.share)
        cdr_id, partner, invoice_id = self._cdr.cdr_id, self._of.partner, bills.invoice_id
        if isinstance(bills, CdrPaid):
            yield CdrInvoicePaid(**head, cdr_id=cdr_id, partner=partner, invoice_id=invoice_id, gross=amount)
        else:
            yield CdrInvoiced(**head, cdr_id=cdr_id, partner=partner, invoice_id=invoice_id, gross=amount)

    def _paid(self) -> Iterator[Booking]:
        """The money for what was invoiced before: of the session no entry, of the invoice J17."""
        paid, amount = self._of.paid, self._left()
        self._is_paid = True
        if paid is not None and amount:
            head = self._scope.head(f"paid:{self._cdr.number}", paid.at, self._of.share)
            cdr_id, partner = self._cdr.cdr_id, self._of.partner
            yield InvoicedCdrPaid(**head, cdr_id=cdr_id, partner=partner, invoice_id=paid.invoice_id, gross=amount)

    def _credited(self) -> Iterator[Booking]:
        """J19 of what is still disputed, then J21 of all that is left."""
        at, number = self._cdr.credited_at, self._cdr.number
        if at is None:
            return
        for ruling in list(self._open.values()):
            yield from self._won(Ruling(at, Act.WON, ruling.dispute_id, ruling.amount, ruling.place), "moot")
        gross = self._left()
        commission, commission_vat = (
            whole - lost
            for whole, lost in zip((self._commission, self._commission_vat), self._back(self._lost), strict=True)
        )
        if not gross:
            return
        purchase, dealt = self._of.purchase, self._of.dealt
        if purchase is not None and dealt is not None:
            yield SoldCdrCredited(
                **self._head(f"credited:{number}", at, -purchase.share),
                cdr_id=self._cdr.cdr_id,
                partner=self._of.partner,
                invoiced=self._is_invoiced,
                unpaid=self._is_invoiced and not self._is_paid,
                **sold(gross, dealt),
            )
            return
        yield AcceptedCdrCredited(
            **self._head(f"credited:{number}", at, -(gross - commission - commission_vat)),
            cdr_id=self._cdr.cdr_id,
            partner=self._of.partner,
            invoiced=self._is_invoiced,
            gross=gross,
            commission=commission,
            commission_vat=commission_vat,
            unpaid=self._is_invoiced and not self._is_paid,
            vat_at=self._of.vat_at,
        )

    def _opened(self, ruling: Ruling) -> Iterator[Booking]:
        """J18."""
        self._open[ruling.dispute_id] = ruling
        yield CdrDisputed(
            **self._head(_key("disputed", self._cdr, ruling), ruling.at, -ruling.amount),
            cdr_id=self._cdr.cdr_id,
            partner=self._of.partner,
            dispute_id=ruling.dispute_id,
            amount=ruling.amount,
            invoiced=self._is_invoiced,
        )

    def _won(self, ruling: Ruling, word: str = "won") -> Iterator[Booking]:
        """J19: J18 with the signs turned, to where the CDR and its share are by now."""
        if self._open.pop(ruling.dispute_id, None) is not None:
            yield CdrDisputeWon(
                **self._head(_key(word, self._cdr, ruling), ruling.at, ruling.amount),
                cdr_id=self._cdr.cdr_id,
                partner=self._of.partner,
                dispute_id=ruling.dispute_id,
                amount=ruling.amount,
                invoiced=self._is_invoiced,
            )

    def _lost_for_good(self, ruling: Ruling) -> Iterator[Booking]:
        """J20, with the commission given back by the largest remainder of all that is lost so far."""
        if self._open.pop(ruling.dispute_id, None) is None:
            return
        before = self._back(self._lost)
        self._lost += ruling.amount
        commission, commission_vat = (now - then for now, then in zip(self._back(self._lost), before, strict=True))
        yield CdrDisputeLost(
            **self._head(_key("lost", self._cdr, ruling), ruling.at, commission + commission_vat),
            cdr_id=self._cdr.cdr_id,
            partner=self._of.partner,
            dispute_id=ruling.dispute_id,
            amount=ruling.amount,
            commission_back=commission,
            commission_vat_back=commission_vat,
            paid=self._is_paid,
            vat_at=self._of.vat_at,
        )

    def _lifted(self, ruling: Ruling) -> Iterator[Booking]:
        """What was lost is owed again by the CDR that takes the place of the credited one: nothing of this one."""
        return iter(())

    def _left(self) -> int:
        return self._gross - self._lost - sum(ruling.amount for ruling in self._open.values())

    def _back(self, lost: int) -> tuple[int, int]:
        """Commission and its VAT in so much of the CDR."""
        share = self._gross - self._commission - self._commission_vat
        _, commission, vat = largest_remainder(lost, (share, self._commission, self._commission_vat))
        return commission, vat

    def _head(self, key: str, at: datetime, owed: int) -> BookingHead:
        """The head of a booking by which so much more is owed to the operator: pending, or at once once matured."""
        release = self._of.release
        if release is not None and release.matured_before(at, self._scope.clock):
            return self._scope.head(key, at, key, matured=True)
        self._pending += owed
        return self._scope.head(key, at, self._of.share)


def _key(word: str, cdr: IssuedCdr, ruling: Ruling) -> str:
    return f"{word}:{cdr.number}:{ruling.dispute_id}:{ruling.place}"


def _doing(
    act: Callable[[_Book, Ruling], Iterator[Booking]], book: _Book, ruling: Ruling
) -> Callable[[], Iterator[Booking]]:
    return lambda: act(book, ruling)


_ACTS: Mapping[Act, Callable[[_Book, Ruling], Iterator[Booking]]] = {
    Act.OPENED: _Book._opened,
    Act.WON: _Book._won,
    Act.LOST: _Book._lost_for_good,
    Act.LIFTED: _Book._lifted,
}
