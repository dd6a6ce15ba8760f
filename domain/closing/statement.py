"""The figures of a period: what is issued at its close, by which hash people agree on it, and what it is checked by.

Figures are balances by currency and account in minor units, debit positive; accounts that are zero are left out.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from domain.book.words import code_of
from domain.calendar import utc_text
from domain.money import format_minor, parse_minor
from domain.values import value

Figures: TypeAlias = Mapping[tuple[str, str], int]

# Accounts by their codes: what client money is, and what is owed out of it (docs/cover.md).
POOL = ("1010", "1105", "1110", "1120", "1250", "1200", "1210", "1220")
OWED = ("2010", "2011", "2020", "2030", "2050", "2060", "2070", "2080")
_KINDS = {"1": "ASSET", "2": "LIABILITY", "3": "EQUITY", "4": "REVENUE", "5": "EXPENSE", "9": "COMMODITY"}
# What operators owe is shown as recoverable (J47), and never booked: a payout would see a balance that nobody has.
PAYABLE, RECOVERABLE = "2010", "1240"


class ItemState(StrEnum):
    """Whether an item of the checklist holds, does not, or was let go by two people with a note."""

    OK = "OK"
    WAIVED = "WAIVED"
    OPEN = "OPEN"


@value
class Item:
    """An item of the checklist with its figure in words."""

    name: str
    state: ItemState
    figure: str
    note: str | None = None


@value
class Bounds:
    """A period with its zone, when it begins, and when the next one does."""

    period: str
    zone: str
    starts_at: datetime
    ends_at: datetime


def statement_hash(bounds: Bounds, version: int, figures: Figures) -> str:
    """SHA-256 in hex over the figures of a period, in their one order: what two people close it by.

    ASCII lines, each ended by a line feed: `wattledger-period-1`, period, version, zone, then
    `CURRENCY MINOR ACCOUNT` of each account that is not zero, by currency and account.
    """
    lines = ["wattledger-period-1", bounds.period, str(version), bounds.zone]
    lines += [f"{currency} {amount} {account}" for (currency, account), amount in sorted(figures.items()) if amount]
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()


def issued_text(
    bounds: Bounds, version: int, figures: Figures, opening: Figures, at: datetime, by: Sequence[str]
) -> str:
    """The figures as they are issued, in JSON: of each account what it opened on, what moved, and its close."""
    accounts = [
        {
            "currency": currency,
            "account": account,
            "opening": format_minor(opening.get((currency, account), 0), currency),
            "movement": format_minor(
                figures.get((currency, account), 0) - opening.get((currency, account), 0), currency
            ),
            "balance": format_minor(figures.get((currency, account), 0), currency),
        }
        for currency, account in sorted({*figures, *opening})
        if figures.get((currency, account), 0) or opening.get((currency, account), 0)
    ]
    return _text(
        {
            **_head(bounds, version),
            "closed_at": utc_text(at),
            "by": list(by),
            "statement_hash": statement_hash(bounds, version, figures),
            "accounts": accounts,
        }
    )


def balance_sheet_text(bounds: Bounds, version: int, figures: Figures) -> str:
    """The figures by code, in JSON; of operators' balances those below zero are shown as recoverable (J47)."""
    by_code: dict[tuple[str, str], int] = {}
    for (currency, account), amount in figures.items():
        code = code_of(account)
        shown = RECOVERABLE if code == PAYABLE and amount > 0 else code
        by_code[currency, shown] = by_code.get((currency, shown), 0) + amount
    lines = [
        {
            "currency": currency,
            "code": code,
            "type": _KINDS.get(code[:1], ""),
            "balance": format_minor(amount, currency),
        }
        for (currency, code), amount in sorted(by_code.items())
        if amount
    ]
    return _text({**_head(bounds, version), "lines": lines})


def checklist_text(bounds: Bounds, version: int, items: Iterable[Item]) -> str:
    """The checklist in JSON."""
    rows = [
        {"name": each.name, "state": each.state.value, "figure": each.figure}
        | ({"note": each.note} if each.note else {})
        for each in items
    ]
    return _text({**_head(bounds, version), "items": rows})


def figures_of(issued: str) -> dict[tuple[str, str], int]:
    """The balances that an issued text says."""
    return {
        (each["currency"], each["account"]): parse_minor(each["balance"], each["currency"])
        for each in json.loads(issued)["accounts"]
    }


def _head(bounds: Bounds, version: int) -> dict[str, Any]:
    return {
        "period": bounds.period,
        "version": version,
        "zone": bounds.zone,
        "from": utc_text(bounds.starts_at),
        "until": utc_text(bounds.ends_at),
    }


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
