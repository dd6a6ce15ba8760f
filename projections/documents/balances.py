"""Balances as documents: what operators are owed, and what was posted to accounts of the book."""

from collections.abc import Iterable
from typing import Any

from domain.money import format_minor
from projections.queries import OperatorBalance

OWED = ("pending", "available", "reserved", "disputed", "in_transit", "to_fix", "paid_out")
ADVANCES = ("advance", "advance_paid")
POSTED = ("debits", "credits", "balance")
WATT_HOURS = "Wh"


def operator_balance_document(balance: OperatorBalance) -> dict[str, Any]:
    """`operator_id`, `currency`, and an amount for each place that money may stand at."""
    amounts = {name: format_minor(getattr(balance, name), balance.currency) for name in OWED}
    return {"operator_id": balance.operator_id, "currency": balance.currency, **amounts}


def advance_document(currency: str, released: int, paid: int) -> dict[str, str]:
    """What an operator is ahead of drivers, from minor units: released and not captured, and paid out of that."""
    return dict(zip(ADVANCES, (format_minor(released, currency), format_minor(paid, currency)), strict=True))


def account_document(account: str, currency: str, debits: int, credits: int) -> dict[str, Any]:
    """An account of money, from minor units, both positive; the balance is debit positive."""
    amounts = (format_minor(amount, currency) for amount in (debits, credits, debits - credits))
    return {"account": account, "currency": currency} | dict(zip(POSTED, amounts, strict=True))


def energy_account_document(account: str, amounts: Iterable[str]) -> dict[str, Any]:
    """An account of energy in the shape of one of money; `amounts` are debits, credits and balance, texts in Wh."""
    return {"account": account, "currency": WATT_HOURS} | dict(zip(POSTED, amounts, strict=True))
