"""The posting rules of the book as a whole: sweeps of own money, VAT returns."""

from collections.abc import Callable
from typing import Any

from domain.book.closing_bookings import OwnFundsSwept, VatPaid
from domain.book.drafts import BANK, Draft

OPERATING_BANK = "1020"


def _swept(b: OwnFundsSwept) -> list[Draft]:
    return [("J57", [(OPERATING_BANK, b.amount), (BANK, -b.amount)])]


def _vat_paid(b: VatPaid) -> list[Draft]:
    legs = [(str(account), -int(amount)) for account, amount in b.accounts]
    return [("J58", [*legs, (OPERATING_BANK, -b.amount)])]


RULES_OF_CLOSING: dict[type, Callable[[Any], list[Draft]]] = {OwnFundsSwept: _swept, VatPaid: _vat_paid}
