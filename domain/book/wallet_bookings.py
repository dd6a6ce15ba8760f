"""What can be booked of prepaid wallets, in the past tense, too: what goes in and out, and what sessions are paid."""

from domain.book.bookings import Booking
from domain.values import named_value


@named_value
class WalletToppedUp(Booking):
    """A driver's card was charged for a wallet: J11, and J03 for the provider's fee."""

    wallet_id: str
    payment_id: str
    provider: str
    amount: int
    fee: int


@named_value
class WalletClosed(Booking):
    """What was left of a wallet went back to its driver: J12c."""

    wallet_id: str
    provider: str
    amount: int


@named_value
class WalletCharged(Booking):
    """A session was paid out of a wallet: J12."""

    wallet_id: str
    charge_id: str
    amount: int


@named_value
class WalletRefunded(Booking):
    """Money of a session went back to its wallet: J25x above the bill, J59r of what was due, then J12r."""

    wallet_id: str
    refund_id: str
    due_payment_id: str
    from_overpaid: int
    from_refunds_due: int
    by_operator: int
