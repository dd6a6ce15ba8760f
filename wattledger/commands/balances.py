"""Commands that read the book itself."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

from wattledger.commands.common import show_rows, the_store
from wattledger.errors import ApplicationError

# (currency, account) and what was posted to it: debits and credits in minor units, both positive.
_Row: TypeAlias = tuple[str, str, int, int]
_COLUMNS = ("debits", "credits", "balance")
# Meter registers, energy to be billed, energy billed: accounts of a commodity, not of money.
ENERGY_CODES = ("9100", "9110", "9120")
WATT_HOURS = "Wh"


def balance(
    data_dir: Path | None, account: str, currency: str | None, at: datetime | None, *, json: bool, debug: bool
) -> None:
    """`wattledger balance`: one account, or all of a code when it has no dimension; the balance is debit positive."""
    if account.partition("/")[0] in ENERGY_CODES:
        _energy_balance(data_dir, account, at, json=json, debug=debug)
        return
    from domain.money import format_minor
    from ledger.database import Role, connect

    with (
        the_store(data_dir, debug=debug, needs_kafka=False) as store,
        connect(store.dsn, Role.READER) as connection,
        connection.cursor() as cursor,
    ):
        find = _of_account if "/" in account else _of_code
        found = [row for row in find(cursor, account, at) if currency in (None, row[0])]
    if not found:
        within = f" in {currency}" if currency else ""
        raise ApplicationError(
            f"nothing was ever posted to {account!r}{within}; name a code of the chart of accounts, such as 2010, "
            "or one with its dimension, such as 2010/OP-1"
        )
    rows = [
        {"account": name, "currency": unit}
        | {
            column: format_minor(amount, unit)
            for column, amount in zip(_COLUMNS, (debits, credits, debits - credits), strict=True)
        }
        for unit, name, debits, credits in found
    ]
    title = f"Balance as of {at.isoformat().replace('+00:00', 'Z')}" if at else "Balance"
    show_rows(title, rows, _COLUMNS, json=json)


def _energy_balance(data_dir: Path | None, account: str, at: datetime | None, *, json: bool, debug: bool) -> None:
    """The commodity accounts, in Wh; they are kept by the read models, as of now only."""
    from ledger.database import Role, connect
    from projections.energy import energy_balances
    from projections.runner import catch_up

    if at is not None:
        raise ApplicationError(f"{account!r} holds energy, whose balance is known as of now only; leave out --at")
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        catch_up(store.dsn)
        with connect(store.dsn, Role.READER) as connection, connection.cursor() as cursor:
            found = energy_balances(cursor, account)
    if not found:
        raise ApplicationError(
            f"no energy was ever posted to {account!r}; name 9100, 9110 or 9120, or one of their own"
        )
    rows = [
        {"account": name, "currency": WATT_HOURS} | dict(zip(_COLUMNS, amounts, strict=True))
        for name, *amounts in found
    ]
    show_rows("Balance", rows, _COLUMNS, json=json)


def _of_account(cursor: Any, account: str, at: datetime | None) -> Iterator[_Row]:
    from ledger.book.balances import balance as balance_now
    from ledger.book.balances import balance_at, currencies_of

    for currency in currencies_of(cursor, account):
        posted = balance_at(cursor, account, currency, at) if at else balance_now(cursor, account, currency)
        yield currency, account, posted.debits, posted.credits


def _of_code(cursor: Any, code: str, at: datetime | None) -> Iterator[_Row]:
    from ledger.book.balances import trial_balance

    # Accounts that were posted to only later stand at zero.
    posted = trial_balance(cursor, at, code) if at else {}
    for currency, accounts in trial_balance(cursor, code=code).items():
        for account, sums in accounts.items():
            debits, credits = posted.get(currency, {}).get(account, (0, 0)) if at else sums
            yield currency, account, debits, credits
