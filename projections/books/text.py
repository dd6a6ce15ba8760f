"""The journal in the languages of hledger and beancount: accounts opened, commodities declared, then each entry."""

from collections.abc import Iterator
from typing import LiteralString

from psycopg import Cursor
from psycopg.rows import TupleRow, tuple_row

from domain.calendar import utc_text
from domain.money import format_minor
from ledger.book.journal import JournalRow, journal_rows
from projections.books.names import book_account, may_be_shared

_ROWS_PER_FETCH = 5_000

# Of the balances, which have a row for whatever was ever posted to.
_ACCOUNTS: LiteralString = 'SELECT account FROM book.balance GROUP BY account ORDER BY account COLLATE "C"'
_CURRENCIES: LiteralString = 'SELECT currency FROM book.balance GROUP BY currency ORDER BY currency COLLATE "C"'
_FIRST_DAY: LiteralString = "SELECT (min(effective_at) AT TIME ZONE 'UTC')::date FROM book.entry"


def hledger_lines(cursor: Cursor[TupleRow]) -> Iterator[bytes]:
    """A journal that `hledger check --strict` takes: a transaction an entry, with its id and its kind."""
    yield b"decimal-mark .\n\n"
    for currency in _currencies(cursor):
        # A commodity without decimals is told by the mark that nothing follows.
        yield f"commodity {_sample(currency)} {currency}\n".encode()
    yield b"\n"
    for account in _accounts(cursor):
        yield f"account {account}\n".encode()
    for row in journal_rows(cursor):
        date, moment = _times(row)
        lines = (f"    {account}  {amount}\n" for account, amount in _lines(row))
        yield f"\n{date} ({row.entry_id}) {row.kind}  ; effective_at:{moment}\n{''.join(lines)}".encode()


def beancount_lines(cursor: Cursor[TupleRow]) -> Iterator[bytes]:
    """A file that beancount's loader takes: a transaction an entry, its id and its moment as metadata."""
    (first_day,) = cursor.execute(_FIRST_DAY).fetchone() or (None,)
    if first_day is None:
        return
    for currency in _currencies(cursor):
        yield f"{first_day} commodity {currency}\n".encode()
    yield b"\n"
    for account in _accounts(cursor):
        yield f"{first_day} open {account}\n".encode()
    for row in journal_rows(cursor):
        date, moment = _times(row)
        lines = (f"  {account}  {amount}\n" for account, amount in _lines(row))
        yield (
            f'\n{date} * "{row.kind}"\n  entry_id: "{row.entry_id}"\n  effective_at: "{moment}"\n{"".join(lines)}'
        ).encode()


def _currencies(cursor: Cursor[TupleRow]) -> list[str]:
    return [currency for (currency,) in cursor.execute(_CURRENCIES)]


def _sample(currency: str) -> str:
    text = format_minor(0, currency)
    return text if "." in text else f"{text}."


def _accounts(cursor: Cursor[TupleRow]) -> Iterator[str]:
    """The names of all accounts of the journal, each once, in the order of the book's own names."""
    shared: set[str] = set()
    with cursor.connection.cursor("book_accounts", row_factory=tuple_row) as rows:
        rows.itersize = _ROWS_PER_FETCH
        for (account,) in rows.execute(_ACCOUNTS):
            name = book_account(account)
            if may_be_shared(account):
                if name in shared:
                    continue
                shared.add(name)
            yield name


def _times(row: JournalRow) -> tuple[str, str]:
    """The date in UTC of an entry, and the moment."""
    moment = utc_text(row.effective_at)
    return moment[:10], moment


def _lines(row: JournalRow) -> Iterator[tuple[str, str]]:
    for account, amount in zip(row.accounts, row.amounts, strict=True):
        yield book_account(account), f"{format_minor(amount, row.currency)} {row.currency}"
