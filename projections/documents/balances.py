"""Balances as documents: what operators are owed, and what was posted to accounts of the book."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from domain.money import format_minor
from projections.queries import OperatorBalance

OWED = ("pending", "available", "reserved", "disputed", "in_transit", "to_fix", "paid_out")
ADVANCES = ("advance", "advance_paid")
POSTED = ("debits", "credits", "balance")
WATT_HOURS = "Wh"
TOTAL = "total"


def operator_balance_document(balance: OperatorBalance) -> dict[str, Any]:
    """`operator_id`, `currency`, and an amount for each place that money may stand at."""
    amounts = {name: format_minor(getattr(balance, name), balance.currency) for name in OWED}
    return {"operator_id": balance.operator_id, "currency": balance.currency, **amounts}


def owed_document(balance: OperatorBalance) -> dict[str, Any]:
    """The same with `owed`: all that the operator is owed, wherever it stands, without what it was paid."""
    owed = sum(getattr(balance, name) for name in OWED if name != "paid_out")
    return operator_balance_document(balance) | {"owed": format_minor(owed, balance.currency)}


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


def operator_balance_totals(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    """A row a currency with the sums of rows that have these amounts; amounts are decimal texts."""
    sums: dict[str, dict[str, Decimal]] = defaultdict(lambda: dict.fromkeys(names, Decimal(0)))
    for row in rows:
        of_currency = sums[row["currency"]]
        for name in names:
            of_currency[name] += Decimal(row[name])
    return [
        {"operator_id": TOTAL, "currency": currency} | {name: str(amount) for name, amount in amounts.items()}
        for currency, amounts in sorted(sums.items())
    ]


def trial_balance_document(rows: Iterable[tuple[str, str, int, int]]) -> dict[str, dict[str, dict[str, str]]]:
    """The shape of `trial_balance.json`, from currency, account, debits and credits in minor units."""
    found: dict[str, dict[str, dict[str, str]]] = {}
    for currency, account, debits, credits in rows:
        document = account_document(account, currency, debits, credits)
        found.setdefault(currency, {})[account] = {name: document[name] for name in POSTED}
    return found


def trial_balance_totals(rows: Iterable[tuple[str, str, int, int]]) -> list[dict[str, Any]]:
    """A row a currency with the sums of all accounts: debits and credits are the same where the book balances."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for currency, _, debits, credits in rows:
        sums[currency][0] += debits
        sums[currency][1] += credits
    return [account_document(TOTAL, currency, *amounts) for currency, amounts in sorted(sums.items())]
