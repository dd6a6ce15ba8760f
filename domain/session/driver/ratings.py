"""Ratings of a session that its driver pays: the first bill, later ones before its capture, later ones after it."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple, TypedDict

from domain.book.bookings import Booking, CapturedSessionReRated, SessionRated, SessionReRated
from domain.session.assessment import Bill, BillChange
from domain.session.driver.captures import Received, WriteOff
from domain.session.driver.due import DriversMoney
from domain.session.driver.share import Share
from domain.session.scope import BookingHead
from domain.session.supplies import Dealt


@dataclass(slots=True)
class Charged:
    """What was charged so far: the bill that stands, and every change of it that was really made.

    `withdrawn` is a captured bill that was taken back as a whole. `raised` is a later price that the captures do not
    reach: it is charged once they do.
    """

    bill: Bill | None = None
    changes: list[BillChange] = field(default_factory=list)
    withdrawn: Bill | None = None
    raised: BillChange | None = None

    @property
    def shortfall(self) -> int:
        """What a later price is above the one that is charged, in minor units."""
        if self.raised is None or self.raised.bill is None:
            return 0
        return self.raised.bill.gross - (self.bill.gross if self.bill else 0)

    def turn_to(self, change: BillChange) -> None:
        """Charge this from now on."""
        self.bill = change.bill
        self.changes.append(change)


class Amounts(NamedTuple):
    """What a bill puts on the book, in minor units; nothing where there is no bill.

    `share` is the operator's of it; `dealt` says of a sale of the platform's its VAT, and what it is bought for.
    """

    gross: int
    commission: int
    commission_vat: int
    share: int
    dealt: Dealt | None = None

    def in_part(self, gross: int) -> "Amounts":
        """The same where so much of its gross is charged so far: what is missing is the seller's."""
        is_sold = self.dealt is not None and self.dealt.purchase is not None
        return self._replace(gross=gross, share=self.share if is_sold else self.share - (self.gross - gross))


_NOTHING = Amounts(0, 0, 0, 0)


def _amounts(bill: Bill | None) -> Amounts:
    return Amounts(bill.gross, bill.commission, bill.commission_vat, bill.share, bill.dealt) if bill else _NOTHING


class _FromTo(TypedDict):
    """What a bill was and what it is, as the arguments of a booking."""

    old_gross: int
    old_commission: int
    old_commission_vat: int
    gross: int
    commission: int
    commission_vat: int


def _from_to(old: Amounts, new: Amounts) -> _FromTo:
    return {
        "old_gross": old.gross,
        "old_commission": old.commission,
        "old_commission_vat": old.commission_vat,
        "gross": new.gross,
        "commission": new.commission,
        "commission_vat": new.commission_vat,
    }


class Ratings:
    """Books each change of the bill as it comes; what was captured too much is due back to its payment (2080)."""

    def __init__(
        self, share: Share, charged: Charged, received: Received, write_off: WriteOff, money: DriversMoney
    ) -> None:
        self._share, self._charged, self._received, self._write_off = share, charged, received, write_off
        self._money = money

    def change(self, change: BillChange) -> None:
        """Take in the next change of the bill."""
        charged = self._charged
        charged.raised = None
        if not charged.changes:
            self._first_bill(change)
        elif charged.withdrawn is not None or (charged.bill is not None and self._received.reaches(charged.bill)):
            self._re_rate_captured(change)
        else:
            self._re_rate(change)

    def consider_raised(self, at: datetime, name: str = "re-rating") -> None:
        """Charge a raised price from the moment at which the captures reach it; its bookings have keys by `name`."""
        raised = self._charged.raised
        if raised is not None and self.missing() <= 0:
            self._charged.raised = None
            self._raise(raised if raised.at == at else replace(raised, at=at), name)

    def missing(self) -> int:
        """What is to be captured yet until a raised price is charged, in minor units."""
        return self._charged.shortfall - self._money.overpaid - self._money.due

    def _first_bill(self, change: BillChange) -> None:
        self._charged.turn_to(change)
        self._money.to_bill = 0
        bill = change.bill
        if bill is not None and bill.gross:
            self._share.book(self._rated(self._share.head("rating", change.at), bill), gain=bill.share)
            self._money.owed += bill.gross
        self._write_off.of_first_bill(bill, change.at)

    def _rated(self, head: BookingHead, bill: Bill) -> Booking:
        return SessionRated(
            **head,
            gross=bill.gross,
            commission=bill.commission,
            commission_vat=bill.commission_vat,
            vat_at=self._share.vat_at,
        )

    def _re_rated(self, head: BookingHead, old: Amounts, new: Amounts) -> Booking:
        return SessionReRated(**head, **_from_to(old, new), vat_at=self._share.vat_at)

    def _captured_re_rated(self, head: BookingHead, payment_id: str, old: Amounts, new: Amounts) -> Booking:
        return CapturedSessionReRated(**head, payment_id=payment_id, **_from_to(old, new), vat_at=self._share.vat_at)

    def _re_rate(self, change: BillChange) -> None:
        old, new = _amounts(self._charged.bill), _amounts(change.bill)
        self._charged.turn_to(change)
        self._post_anew(change, _key(change), old, new)
        self._write_off.follow(change, new.gross)

    def _post_anew(self, change: BillChange, key: str, old: Amounts, new: Amounts) -> None:
        if old != new:
            booking = self._re_rated(self._share.head(key, change.at), old, new)
            self._share.book(booking, gain=new.share - old.share)
            self._money.owed += new.gross - old.gross

    def _re_rate_captured(self, change: BillChange) -> None:
        """A lower price is due back (J59); a higher one is charged once the captures reach it.

        A bill that is withdrawn is a price of nothing. Where the captures do not reach the price that follows it,
        they may still reach the one that was withdrawn.
        """
        charged = self._charged
        if change.bill is None or (charged.bill is not None and change.bill.gross <= charged.bill.gross):
            self._lower(change)
            return
        charged.raised = change
        if charged.withdrawn is not None and charged.withdrawn.gross < change.bill.gross and self.missing() > 0:
            charged.raised = replace(change, bill=charged.withdrawn)
            self.consider_raised(change.at, "restoring")
            charged.raised = change
        self.consider_raised(change.at)

    def _lower(self, change: BillChange) -> None:
        charged = self._charged
        if charged.bill is None:
            return
        old, new = _amounts(charged.bill), _amounts(change.bill)
        charged.withdrawn = charged.bill if change.bill is None else None
        charged.turn_to(change)
        if old != new:
            payment_id = self._received.first_payment_id
            self._post_due(change, _key(change), payment_id, old, new)
            self._money.lower(payment_id, old.gross - new.gross)

    def _raise(self, change: BillChange, name: str) -> None:
        """What was captured above the bill pays a raised price, then what was due back."""
        charged, money = self._charged, self._money
        old, new = _amounts(charged.bill), _amounts(change.bill)
        charged.withdrawn = None
        charged.turn_to(change)
        from_due = new.gross - old.gross - min(new.gross - old.gross, money.overpaid)
        if from_due:
            paid = new if old.gross + from_due == new.gross else new.in_part(old.gross + from_due)
            key = _key(change, f"{name}-of-due")
            self._post_due(change, key, money.charge_from_due(from_due), old, paid)
            old = paid
        self._post_anew(change, _key(change, name), old, new)

    def _post_due(self, change: BillChange, key: str, payment_id: str, old: Amounts, new: Amounts) -> None:
        booking = self._captured_re_rated(self._share.head(key, change.at), payment_id, old, new)
        self._share.book(booking, gain=new.share - old.share)


def _key(change: BillChange, name: str = "re-rating") -> str:
    return f"{name}:{change.source}:{change.id}"
