"""What stands on the book: each booking under its key, and the two decisions that change it."""

from domain.book.bookings import Booking
from domain.values import value


@value
class Booked:
    """A booking stands on the book; `revision` counts the times its key was booked."""

    booking: Booking
    revision: int


@value
class Retracted:
    """A booking no longer stands: its entries are mirrored at their own effective time."""

    booking: Booking
    revision: int
