"""What can be booked of discounts that somebody else than the session's operator bears; in the past tense, too."""

from domain.book.bookings import Booking
from domain.values import named_value


@named_value
class DiscountGranted(Booking):
    """The platform bears a discount: J01d; negative as the price falls.

    Of what falls `from_refunds_due` comes out of what is due back to the driver; the rest the driver owes again.
    """

    amount: int
    from_refunds_due: int = 0
    due_payment_id: str = ""


@named_value
class DiscountFunded(Booking):
    """Another operator bears a discount: J01d against its payable; amounts as where the platform does."""

    amount: int
    from_refunds_due: int = 0
    due_payment_id: str = ""
