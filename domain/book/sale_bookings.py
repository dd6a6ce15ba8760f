"""What is booked where the platform sells in its own name and buys from the operator; what it bears, or recharges.

The VAT of a sale stands in `vat_at`, where it is due and at which rate (`DE-19`), and `vat`, in minor units: they go
together. Of a purchase `purchase` is the net and `purchase_vat` the VAT on it, due at `purchase_at`; `is_reversed`:
the platform owes that VAT itself (J06r), and the operator has the net alone.
"""

from domain.book.bookings import Booking
from domain.values import named_value


@named_value
class Sale(Booking):
    """What a sale comes to, and what it is bought for."""

    net: int
    vat_at: tuple[str, ...]
    vat: tuple[int, ...]
    purchase: int
    purchase_vat: int
    purchase_at: str
    is_reversed: bool

    @property
    def gross(self) -> int:
        """What the sale comes to with VAT, in minor units."""
        return self.net + sum(self.vat)

    @property
    def owed(self) -> int:
        """What the operator is owed for what was bought, in minor units."""
        return self.purchase if self.is_reversed else self.purchase + self.purchase_vat


@named_value
class ChargeSold(Sale):
    """A session was priced and the platform sells it to the driver: J05, and J06 or J06r for what it buys it for."""


@named_value
class ReSale(Sale):
    """The same, and what it came to before."""

    old_net: int
    old_vat_at: tuple[str, ...]
    old_vat: tuple[int, ...]
    old_purchase: int
    old_purchase_vat: int

    @property
    def more_gross(self) -> int:
        """What the sale comes to with VAT, less what it came to before."""
        return self.gross - self.old_net - sum(self.old_vat)

    @property
    def more_owed(self) -> int:
        """What the operator is owed, less what it was owed before."""
        return self.owed - (self.old_purchase if self.is_reversed else self.old_purchase + self.old_purchase_vat)


@named_value
class ChargeReSold(ReSale):
    """Another price before the captures reached the old one, or a raised one that they reach: J05 and J06 anew.

    All old amounts zero: the session was not billed before. All new amounts zero: its bill was withdrawn.
    """


@named_value
class CapturedChargeReSold(ReSale):
    """A correction lowered the price after it was captured: J59 against 2080 of the payment, and J06 anew.

    The new price above the old one: it rose again, out of what is due back.
    """

    payment_id: str


@named_value
class PaymentLost(Booking):
    """The payment failed for good and the platform bears it: J01f; negative when a later capture mirrors it."""

    gross: int


@named_value
class SaleReturn(Sale):
    """What a refund of a sale moves."""

    refund_id: str
    payment_id: str
    due_payment_id: str
    provider: str
    from_refunds_due: int
    from_overpaid: int


@named_value
class SaleRefunded(SaleReturn):
    """A refund of a sale left the provider: J25x and J59r as ever, then J25 of net and VAT.

    Where the operator bears its part, what the charge was bought for goes back in proportion (J06 or J06r).
    """


@named_value
class SaleRefundFailed(SaleReturn):
    """A refund of a sale did not reach the driver: what it posted, once more with the signs turned."""


@named_value
class SaleDisputeLost(Booking):
    """A dispute of a sale was decided for the cardholder: J30, and the platform bears it.

    `from_overpaid` and `from_refunds_due` pay the cardholder first. All amounts negative: it is won after all.
    """

    dispute_id: str
    provider: str
    amount: int
    from_overpaid: int
    due_payment_id: str
    from_refunds_due: int


@named_value
class DisputeFeeRecharged(Booking):
    """The fee of a dispute is the operator's to bear: J28r; negative gives some of it back."""

    dispute_id: str
    fee: int


@named_value
class CdrSold(Sale):
    """A partner accepted the CDR of a session that the platform sells to it: J13p, and J06 or J06r."""

    cdr_id: str
    partner: str


@named_value
class SoldCdrCredited(Sale):
    """An accepted CDR of a sale was taken back: J21, against 1210 when it was invoiced; J06 or J06r goes back too."""

    cdr_id: str
    partner: str
    invoiced: bool
    unpaid: bool = False
