"""The posting rules of what banks book that is no payout's: charges, and money that nobody knows yet."""

from collections.abc import Callable
from typing import Any

from domain.book.bank_bookings import BankCharged, ReceiptAllocated, ReceiptUnallocated
from domain.book.drafts import BANK, Draft
from domain.book.matter_posting import OPERATING_BANK

BANK_CHARGES = "5090"


def _charged(b: BankCharged) -> list[Draft]:
    return [("J37", [(BANK_CHARGES, b.amount), (OPERATING_BANK, -b.amount)])]


def _unallocated(b: ReceiptUnallocated) -> list[Draft]:
    return [("J55", [(BANK, b.amount), (f"2410/{b.line}", -b.amount)])]


def _allocated(b: ReceiptAllocated) -> list[Draft]:
    return [("J56", [(f"2410/{b.line}", b.amount), (f"1210/{b.partner}", -b.amount)])]


RULES_OF_BANKS: dict[type, Callable[[Any], list[Draft]]] = {
    BankCharged: _charged,
    ReceiptUnallocated: _unallocated,
    ReceiptAllocated: _allocated,
}
