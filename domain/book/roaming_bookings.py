"""What can be booked of CDRs that partners were invoiced for, or dispute; in the past tense, too."""

from domain.book.bookings import Booking
from domain.values import named_value


@named_value
class CdrInvoiced(Booking):
    """An invoice that bills this CDR was issued: J16 for what is neither disputed of it nor lost."""

    cdr_id: str
    partner: str
    invoice_id: str
    gross: int


@named_value
class InvoicedCdrPaid(Booking):
    """The partner paid the issued invoice that bills this CDR: no entry beside J17, which is the invoice's."""

    cdr_id: str
    partner: str
    invoice_id: str
    gross: int


@named_value
class CdrDisputed(Booking):
    """A partner disputes an amount of a CDR: J18, from 1210 when it was invoiced and from 1200 when not."""

    cdr_id: str
    partner: str
    dispute_id: str
    amount: int
    invoiced: bool


@named_value
class CdrDisputeWon(Booking):
    """The dispute was decided for the operator, or the CDR was credited under it: J19."""

    cdr_id: str
    partner: str
    dispute_id: str
    amount: int
    invoiced: bool


@named_value
class CdrDisputeLost(Booking):
    """The dispute was decided for the partner: J20, with the commission given back; `paid`: so was the CDR."""

    cdr_id: str
    partner: str
    dispute_id: str
    amount: int
    commission_back: int
    commission_vat_back: int
    paid: bool
    vat_at: str = ""


@named_value
class CdrReceived(Booking):
    """A partner sent a CDR of a driver of ours: J24; `vat_code` is jurisdiction and rate, `FR-20`."""

    cdr_id: str
    partner: str
    vat_code: str
    net: int
    vat: int


@named_value
class HomeChargingEarned(Booking):
    """A driver charged at somebody's home: J24h, which the partner owes and the payee has."""

    cdr_id: str
    partner: str
    amount: int
