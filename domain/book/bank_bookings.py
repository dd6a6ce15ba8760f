"""What is booked of what banks have booked, and is no payout's: charges, and money that nobody knows yet."""

from domain.book.bookings import Booking
from domain.values import named_value


@named_value
class BankCharged(Booking):
    """A bank took a charge: J37, out of the platform's own money; negative gives some of it back."""

    line: str
    amount: int


@named_value
class ReceiptUnallocated(Booking):
    """Money that a bank booked and that nobody knows: J55; negative where it left."""

    line: str
    amount: int


@named_value
class ReceiptAllocated(Booking):
    """A person knows whose such money is: J56, against what the partner owes."""

    line: str
    partner: str
    amount: int
