"""What can be booked between an operator and the platform, beside sessions and payouts; in the past tense, too."""

from domain.book.bookings import Booking
from domain.values import named_value


@named_value
class AdjustmentGranted(Booking):
    """Two people gave the operator an amount: J45."""

    amount: int


@named_value
class AdjustmentCharged(Booking):
    """Two people took an amount from the operator: J46."""

    amount: int


@named_value
class HoldPlaced(Booking):
    """Somebody keeps an amount of what the operator may be paid: J31."""

    amount: int


@named_value
class HoldReleased(Booking):
    """Some of a hold, or what was left of it, came back to the operator: J32."""

    amount: int


@named_value
class BalanceFunded(Booking):
    """The platform put what an operator owes into client money: J48."""

    amount: int


@named_value
class BalanceCollected(Booking):
    """The operator paid what it owed: J49."""

    amount: int


@named_value
class OperatorWrittenOff(Booking):
    """Two people gave up what an operator owes: J50."""

    amount: int


@named_value
class PartnerWrittenOff(Booking):
    """Two people gave up what a partner owes of an invoice: J22; negative for what it paid too much."""

    partner: str
    amount: int
    invoice_id: str = ""


@named_value
class ProviderDifferenceWrittenOff(Booking):
    """Two people wrote off what a provider's money differs by: J54; negative where it was too much."""

    provider: str
    amount: int


@named_value
class ReceivableWrittenOff(Booking):
    """Two people gave up what is owed on another account: J45 against it; negative where it was too much."""

    account: str
    amount: int


@named_value
class CreditWrittenOff(Booking):
    """Two people closed what nobody claims of an account: J46 in its favour; negative where it was too little."""

    account: str
    amount: int


@named_value
class SaasInvoiced(Booking):
    """The operator was invoiced for a period: J42."""

    invoice_id: str
    net: int
    vat: int


@named_value
class SaasNetted(Booking):
    """An invoice is taken off what the operator is paid: J43."""

    invoice_id: str
    amount: int


@named_value
class SaasRecognised(Booking):
    """A month of an invoice's period is over, and its part earned: J44."""

    invoice_id: str
    amount: int
