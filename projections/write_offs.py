"""What is left to write off on an account: nobody gives up more than it holds."""

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.money import format_minor
from ledger.book.balances import balance

# Accounts of what the platform owes; all others of a write-off are of what is owed to it.
_OWED_BY_US = ("2080", "2410")


def why_too_much(cursor: Cursor[TupleRow], account: str, currency: str, amount: int) -> str | None:
    """Why an amount (minor units, as a write-off states it) cannot be written off now; None where it can.

    It has to be on the side on which the account stands, and no more than that.
    """
    kept = balance(cursor, account, currency)
    left = kept.debit_balance
    if account.partition("/")[0] in _OWED_BY_US:
        left = -left
    if amount * left > 0 and abs(amount) <= abs(left):
        return None
    there = f"{format_minor(left, currency)} {currency}" if left else "nothing"
    return f"{format_minor(amount, currency)} {currency} is more than is left on {account}, which is {there}"
