"""Ratings of a session that its driver pays: the first bill, later ones before its capture, later ones after it."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple, TypedDict

from domain.book.bookings import CapturedSessionReRated, SessionRated, SessionReRated
from domain.session.assessment import Bill, BillChange
from domain.session.driver.captures import Received, WriteOff
from domain.session.driver.share import Share


@dataclass(slots=True)
class Charged:
    """What was charged so far: the bill that stands, and every change of it that was really made.

    `withdrawn` is a captured bill that was taken back as a whole. `shortfall` is what a later price is above that
    which was captured, in minor units: it cannot be charged any more.
    """

    bill: Bill | None = None
    changes: list[BillChange] = field(default_factory=list)
    withdrawn: Bill | None = None
    shortfall: int = 0

    def turn_to(self, change: BillChange) -> None:
        """Charge this from now on."""
        self.bill = change.bill
        self.changes.append(change)


class _Amounts(NamedTuple):
    """What a bill puts on the book, in minor units; nothing where there is no bill."""

    gross: int
    commission: int
    commission_vat: int

    @property
    def share(self) -> int:
        return self.gross - self.commission - self.commission_vat


_NOTHING = _Amounts(0, 0, 0)


def _amounts(bill: Bill | None) -> _Amounts:
    return _Amounts(bill.gross, bill.commission, bill.commission_vat) if bill else _NOTHING


class _FromTo(TypedDict):
    """What a bill was and what it is, as the arguments of a booking."""

    old_gross: int
    old_commission: int
    old_commission_vat: int
    gross: int
    commission: int
    commission_vat: int


def _from_to(old: _Amounts, new: _Amounts) -> _FromTo:
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
        self, share: Share, charged: Charged, received: Received, write_off: WriteOff, due: dict[str, int]
    ) -> None:
        self._share, self._charged, self._received, self._write_off = share, charged, received, write_off
        self._refunds_due = due

    def change(self, change: BillChange) -> None:
        """Take in the next change of the bill."""
        charged = self._charged
        if not charged.changes:
            self._first_bill(change)
        elif charged.withdrawn is not None or (charged.bill is not None and self._received.reaches(charged.bill)):
            self._re_rate_captured(change)
        else:
            self._re_rate(change)

    def _first_bill(self, change: BillChange) -> None:
        self._charged.turn_to(change)
        bill = change.bill
        if bill is not None and bill.gross:
            head = self._share.head("rating", change.at)
            booking = SessionRated(
                **head, gross=bill.gross, commission=bill.commission, commission_vat=bill.commission_vat
            )
            self._share.book(booking, gain=bill.share)
        self._write_off.of_first_bill(bill, change.at)

    def _re_rate(self, change: BillChange) -> None:
        old, new = _amounts(self._charged.bill), _amounts(change.bill)
        self._charged.turn_to(change)
        if old != new:
            booking = SessionReRated(**self._share.head(_key(change), change.at), **_from_to(old, new))
            self._share.book(booking, gain=new.share - old.share)
        self._write_off.follow(change, new.gross)

    def _re_rate_captured(self, change: BillChange) -> None:
        """What was captured cannot be raised without a new authorisation; a lower price is due back (J59).

        A bill that is withdrawn is a price of nothing; it comes back, at most as it was, out of what is still due.
        """
        charged, payment_id = self._charged, self._received.first_payment_id
        ceiling = charged.bill.gross if charged.bill is not None else self._refunds_due[payment_id]
        new = change.bill
        charged.shortfall = max(0, new.gross - ceiling) if new is not None else 0
        billable = new
        if new is not None and charged.withdrawn is not None and new.gross > charged.withdrawn.gross:
            billable = charged.withdrawn
        if billable is None or billable.gross <= ceiling:
            self._lower_captured(replace(change, bill=billable), payment_id)

    def _lower_captured(self, change: BillChange, payment_id: str) -> None:
        charged = self._charged
        old, new = _amounts(charged.bill), _amounts(change.bill)
        charged.withdrawn = charged.bill if change.bill is None else None
        charged.turn_to(change)
        if old == new:
            return
        head = self._share.head(_key(change), change.at)
        booking = CapturedSessionReRated(**head, payment_id=payment_id, **_from_to(old, new))
        self._share.book(booking, gain=new.share - old.share)
        self._refunds_due[payment_id] += old.gross - new.gross


def _key(change: BillChange) -> str:
    return f"re-rating:{change.source}:{change.id}"
