"""What drafts of entries are made of: legs, and the accounts that several tables of posting rules use."""

from typing import TypeAlias

from domain.book.bookings import Booking

BANK = "1010"
OUTPUT_VAT = "2110"
ADJUSTMENTS = "5060"

Leg: TypeAlias = tuple[str, int]
Draft: TypeAlias = tuple[str, list[Leg]]


def available(booking: Booking) -> str:
    """The operator's available payable."""
    return f"2010/{booking.operator_id}"
