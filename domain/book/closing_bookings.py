"""What can be booked of the book as a whole: own money that was swept, VAT that was paid."""

from domain.book.bookings import Booking
from domain.values import named_value


@named_value
class OwnFundsSwept(Booking):
    """Money of the platform left the account of client money: J57."""

    amount: int


@named_value
class VatPaid(Booking):
    """A VAT return was paid: J58. `accounts` are [account, minor units as they stood, debit positive]."""

    accounts: list[list[str | int]]
    amount: int
