"""What drafts of entries are made of: legs, and the accounts that several tables of posting rules use."""

from typing import TypeAlias

from domain.book.bookings import Booking

BANK = "1010"
OUTPUT_VAT = "2110"
INPUT_VAT = "1310"
ADJUSTMENTS = "5060"

Leg: TypeAlias = tuple[str, int]
Draft: TypeAlias = tuple[str, list[Leg]]


def available(booking: Booking) -> str:
    """The operator's available payable."""
    return f"2010/{booking.operator_id}"


def vat_account(code: str, at: str) -> str:
    """An account of VAT by where it is due and at which rate; the code alone where no terms tell that."""
    return f"{code}/{at}" if at else code


def payable(booking: Booking) -> str:
    """The operator payable a booking moves: available (2010) once its share has matured, pending (2011) before."""
    return f"{'2010' if booking.matured else '2011'}/{booking.operator_id}"


def driver_receivable(booking: Booking) -> str:
    """The driver's receivable of the session."""
    return f"1105/{booking.session_id}"
