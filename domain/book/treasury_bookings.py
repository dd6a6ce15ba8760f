"""What the treasury can book: fees of hubs, suppliers that were paid, conversions and deals; in the past tense, too.

A `pair` is written `SEK-EUR`: what was sold, and what for. Amounts are minor units of the booking's currency.
"""

from domain.book.bookings import Booking
from domain.values import named_value


@named_value
class HubFeeAccrued(Booking):
    """A partner with a hub accepted a CDR: J15; `vat_code` is jurisdiction and rate, `DE-19`."""

    hub_id: str
    vat_code: str
    fee: int
    fee_vat: int


@named_value
class HubInvoiced(Booking):
    """A hub's invoice, less what was accrued of its days: J15 for the difference, which may be negative."""

    hub_id: str
    invoice_id: str
    vat_code: str
    fee: int
    fee_vat: int


@named_value
class SupplierPaid(Booking):
    """A hub or a foreign operator was paid from the platform's own money: J24p; `account` is where it was owed."""

    account: str
    invoice_id: str
    amount: int


@named_value
class FundsSold(Booking):
    """An operator's money was converted: J51, what it gave."""

    conversion_id: str
    pair: str
    amount: int


@named_value
class FundsBought(Booking):
    """An operator's money was converted: J51, what that came to at the rate, `spread` of it the platform's."""

    conversion_id: str
    pair: str
    amount: int
    spread: int


@named_value
class CurrencySold(Booking):
    """A bank exchanged client money: J52, what it took."""

    deal_id: str
    pair: str
    amount: int


@named_value
class CurrencyBought(Booking):
    """A bank exchanged client money: J52, what it gave."""

    deal_id: str
    pair: str
    amount: int


@named_value
class FxResultRealised(Booking):
    """A position was closed, whole or in part: J53; `loss` is negative where more came than was owed."""

    pair: str
    loss: int
