"""Commands about balances: what operators are owed, and what was posted to an account of the book."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from wattledger.commands.common import read, the_store
from wattledger.commands.options import DataDir, Debug, Json, moment
from wattledger.errors import ApplicationError
from wattledger.views.tables import show_rows

app = typer.Typer()

# (currency, account) and what was posted to it: debits and credits in minor units, both positive.
_Row: TypeAlias = tuple[str, str, int, int]
# Meter registers, energy to be billed, energy billed: accounts of a commodity, not of money.
_ENERGY_CODES = ("9100", "9110", "9120")


@app.command()
def balances(data_dir: DataDir = None, json: Json = False, debug: Debug = False) -> None:
    """Show what each operator is owed, by where it stands, and what it gets before drivers have paid."""
    from projections import queries
    from projections.documents.balances import ADVANCES, OWED, advance_document, operator_balance_document

    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        found, ahead = read(store, lambda cursor: (queries.operator_balances(cursor), _advances(cursor)))
    rows = [
        operator_balance_document(each)
        | advance_document(each.currency, *ahead.get((each.operator_id, each.currency), (0, 0)))
        for each in found
    ]
    show_rows("Operator balances", rows, (*OWED, *ADVANCES), json=json)


@app.command()
def balance(
    account: Annotated[
        str, typer.Argument(metavar="ACCOUNT", help="2010/OP-1, or 2010 for all accounts of the code.")
    ],
    currency: Annotated[str | None, typer.Option("--currency", help="Only this currency.")] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="TIME", help="As of then: RFC 3339 with an offset; inclusive.")
    ] = None,
    data_dir: DataDir = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show what was posted to an account of the book, now or by the effective time TIME."""
    from projections.documents.balances import POSTED

    as_of = moment(at, "--at")
    if account.partition("/")[0] in _ENERGY_CODES:
        rows = _energy(account, as_of, data_dir, debug=debug)
    else:
        rows = _money(account, currency, as_of, data_dir, debug=debug)
    title = f"Balance as of {as_of.isoformat().replace('+00:00', 'Z')}" if as_of else "Balance"
    show_rows(title, rows, POSTED, json=json)


def _advances(cursor: Any) -> dict[tuple[str, str], tuple[int, int]]:
    """By operator and currency what is ahead of drivers, in minor units: released in all, and paid out of that."""
    from domain.calendar import END
    from ledger.intake.ahead import sessions_ahead

    session_ids = sessions_ahead(cursor, END)
    if not session_ids:
        return {}
    from engine.advances import advances_now  # Here: it reads sessions, which most stores have none to be read of.

    return {key: (each.released, each.paid) for key, each in advances_now(cursor, session_ids).items()}


def _money(
    account: str, currency: str | None, at: datetime | None, data_dir: Path | None, *, debug: bool
) -> list[dict[str, Any]]:
    """One account, or all of a code when it has no dimension."""
    from ledger.database import Role, connect
    from projections.documents.balances import account_document

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
    return [account_document(name, unit, debits, credits) for unit, name, debits, credits in found]


def _energy(account: str, at: datetime | None, data_dir: Path | None, *, debug: bool) -> list[dict[str, Any]]:
    """The commodity accounts, in Wh; they are kept by the read models, as of now only."""
    from projections.documents.balances import energy_account_document
    from projections.energy import energy_balances

    if at is not None:
        raise ApplicationError(f"{account!r} holds energy, whose balance is known as of now only; leave out --at")
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        found = read(store, lambda cursor: list(energy_balances(cursor, account)))
    if not found:
        raise ApplicationError(
            f"no energy was ever posted to {account!r}; name 9100, 9110 or 9120, or one of their own"
        )
    return [energy_account_document(name, amounts) for name, *amounts in found]


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
