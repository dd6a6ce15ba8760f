"""Commands about balances: what operators are owed, what was posted to an account, and the trial balance."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias
from zoneinfo import ZoneInfo

import typer

from wattledger.commands.common import read, the_store
from wattledger.commands.options import (
    At,
    Csv,
    DataDir,
    Debug,
    Json,
    KnownAt,
    OneOperators,
    day_or_moment,
    end_of_day,
    form_of,
    last_moment,
)
from wattledger.errors import ApplicationError
from wattledger.views.forms import Form
from wattledger.views.tables import show_rows
from wattledger.views.terminal import print_json

if TYPE_CHECKING:
    from domain.catalogue.parties import Operator
    from domain.catalogue.versions import Versions
    from projections.account_balances import AccountBalance
    from projections.queries import OperatorBalance

app = typer.Typer()

# (currency, account) and what was posted to it: debits and credits in minor units, both positive.
_Row: TypeAlias = tuple[str, str, int, int]
_AsOf: TypeAlias = date | datetime | None
# Meter registers, energy to be billed, energy billed: accounts of a commodity, not of money.
_ENERGY_CODES = ("9100", "9110", "9120")
# Accounts whose dimension is an operator (docs/accounting.md, Accounts).
_OPERATORS_CODES = ("2010", "2011", "2020", "2030", "2060")
_UTC = ZoneInfo("UTC")


@app.command()
def balances(
    operator: OneOperators = None,
    at: At = None,
    known_at: KnownAt = None,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Show what each operator is owed, by where it stands, and what it gets before drivers have paid.

    With --at as of then, by effective time, with --known-at as it was known then; what is ahead of drivers is known
    as of now only.
    """
    from projections.documents.balances import ADVANCES, OWED, operator_balance_totals

    form = form_of(json=json, csv=csv)
    as_of = None if at is None else day_or_moment(at, "--at")
    known = last_moment(known_at, "--known-at")
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        rows = read(store, lambda cursor: _owed(cursor, operator, as_of, known), operator, known_at=known)
    amounts = OWED if as_of or known else (*OWED, *ADVANCES)
    shown = rows if operator else [*rows, *operator_balance_totals(rows, amounts)]
    columns = ("operator_id", "currency", *amounts)
    show_rows(_title("Operator balances", as_of, known), rows, columns, amounts, form=form, shown=shown)


@app.command()
def balance(
    account: Annotated[
        str, typer.Argument(metavar="ACCOUNT", help="2010/OP-1, or 2010 for all accounts of the code.")
    ],
    currency: Annotated[str | None, typer.Option("--currency", help="Only this currency.")] = None,
    at: At = None,
    known_at: KnownAt = None,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Show what was posted to an account of the book, now or by the effective time TIME, as it is or was known."""
    from projections.documents.balances import POSTED

    form = form_of(json=json, csv=csv)
    as_of = None if at is None else day_or_moment(at, "--at")
    known = last_moment(known_at, "--known-at")
    if account.partition("/")[0] in _ENERGY_CODES:
        rows = _energy(account, as_of or known, data_dir, debug=debug)
    elif known is not None:
        rows = _money_known(account, currency, as_of, known, data_dir, debug=debug)
    else:
        rows = _money(account, currency, as_of, data_dir, debug=debug)
    show_rows(_title("Balance", as_of, known), rows, ("account", "currency", *POSTED), POSTED, form=form)


class Grouping(StrEnum):
    """What has a line of its own in the trial balance."""

    ACCOUNT = "account"
    CODE = "code"


@app.command("trial-balance")
def trial_balance(
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="TIME",
            help="As of then: RFC 3339 with an offset, inclusive; a date is the end of that day in UTC.",
        ),
    ] = None,
    known_at: KnownAt = None,
    by: Annotated[Grouping, typer.Option("--by", help="A line an account, or one for all accounts of a code.")] = (
        Grouping.ACCOUNT
    ),
    currency: Annotated[str | None, typer.Option("--currency", help="Only this currency.")] = None,
    data_dir: DataDir = None,
    json: Json = False,
    csv: Csv = False,
    debug: Debug = False,
) -> None:
    """Show debits, credits and balance of every account that an entry stands on, now or by TIME, with their sums."""
    from projections.documents.balances import POSTED, account_document, trial_balance_document, trial_balance_totals

    form = form_of(json=json, csv=csv)
    as_of, known = last_moment(at, "--at"), last_moment(known_at, "--known-at")

    def find(cursor: Any) -> list[_Row]:
        by_code = by is Grouping.CODE
        if known is None:
            from projections.trial_balance import standing_accounts

            return [*standing_accounts(cursor, as_of, by_code=by_code)]
        from projections.account_balances import trial_balance_as_of
        from projections.as_of import of_read_models

        return trial_balance_as_of(cursor, of_read_models(cursor, as_of, known), by_code=by_code)

    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        found: list[_Row] = read(store, find, known_at=known)
    found = [row for row in found if currency in (None, row[0])]
    if form is Form.JSON:
        print_json(trial_balance_document(found))
        return
    rows = [account_document(name, unit, debits, credits) for unit, name, debits, credits in found]
    columns = ("account", "currency", *POSTED)
    shown = [*rows, *trial_balance_totals(found)]
    show_rows(_title("Trial balance", as_of, known), rows, columns, POSTED, form=form, shown=shown)


def _title(what: str, as_of: _AsOf, known: datetime | None = None) -> str:
    if isinstance(as_of, datetime):
        what += f" as of {as_of.isoformat().replace('+00:00', 'Z')}"
    elif as_of is not None:
        what += f" as of the end of {as_of.isoformat()}"
    return what if known is None else f"{what} as known at {known.isoformat().replace('+00:00', 'Z')}"


def _owed(cursor: Any, operator: str | None, as_of: _AsOf, known: datetime | None) -> list[dict[str, Any]]:
    from projections.documents.balances import advance_document, operator_balance_document

    if as_of is not None or known is not None:
        return [operator_balance_document(each) for each in _owed_as_of(cursor, operator, as_of, known)]
    from projections import queries

    ahead = _advances(cursor)
    return [
        operator_balance_document(each)
        | advance_document(each.currency, *ahead.get((each.operator_id, each.currency), (0, 0)))
        for each in queries.operator_balances(cursor, operator)
    ]


def _owed_as_of(
    cursor: Any, operator: str | None, as_of: _AsOf, known: datetime | None
) -> "Sequence[OperatorBalance]":
    from projections.as_of import of_read_models
    from projections.balances_at import operator_balances_at

    if as_of is None or isinstance(as_of, datetime):
        return operator_balances_at(cursor, of_read_models(cursor, as_of, known), operator)
    asked = of_read_models(cursor, None, known)
    of = _Moments(cursor, as_of)
    owners = {each.operator_id for each in operator_balances_at(cursor, asked, operator)}
    return operator_balances_at(cursor, asked, operator, {owner: of.of_operator(owner) for owner in owners})


class _Moments:
    """The moment that is meant of each operator and account: a time as it is, a day where the operator is."""

    def __init__(self, cursor: Any, as_of: date | datetime) -> None:
        self._cursor, self._as_of = cursor, as_of
        self._by_operator: dict[str, datetime] = {}

    def of_operator(self, operator_id: str) -> datetime:
        """The end of the day in the operator's time zone, by the contract of that day."""
        if isinstance(self._as_of, datetime):
            return self._as_of
        if operator_id not in self._by_operator:
            zone = _UTC
            if versions := self._known.get(operator_id):
                contract = versions.at(end_of_day(self._as_of, _UTC)) or versions.timeline[0][1].value
                zone = contract.time_zone
            self._by_operator[operator_id] = end_of_day(self._as_of, zone)
        return self._by_operator[operator_id]

    def of_account(self, account: str) -> datetime:
        """The same of an account: of one without an operator, the end of the day in UTC."""
        if isinstance(self._as_of, datetime):
            return self._as_of
        code, _, dimension = account.partition("/")
        owner = dimension if code in _OPERATORS_CODES else self._payouts.get(dimension) if code == "2050" else None
        return self.of_operator(owner) if owner else end_of_day(self._as_of, _UTC)

    @cached_property
    def _known(self) -> "Mapping[str, Versions[Operator]]":
        from ledger.intake.operators import known_operators

        return known_operators(self._cursor)

    @cached_property
    def _payouts(self) -> Mapping[str, str]:
        from projections.queries import operators_of_payouts

        return operators_of_payouts(self._cursor)


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
    account: str, currency: str | None, as_of: _AsOf, data_dir: Path | None, *, debug: bool
) -> list[dict[str, Any]]:
    """One account, or all of a code when it has no dimension."""
    from ledger.database import Role, connect
    from projections.documents.balances import account_document

    # In which zone a day ends is said by contracts, which hold more than the reader may see.
    role = Role.READER if as_of is None or isinstance(as_of, datetime) else Role.AUDITOR
    with (
        the_store(data_dir, debug=debug, needs_kafka=False) as store,
        connect(store.dsn, role) as connection,
        connection.cursor() as cursor,
    ):
        find = _of_account if "/" in account else _of_code
        found = [row for row in find(cursor, account, as_of) if currency in (None, row[0])]
        if not found:
            raise ApplicationError(_never_posted(cursor, account, currency))
    return [account_document(name, unit, debits, credits) for unit, name, debits, credits in found]


def _money_known(
    account: str, currency: str | None, as_of: _AsOf, known: datetime, data_dir: Path | None, *, debug: bool
) -> list[dict[str, Any]]:
    """The same as it was known at a moment."""
    from projections.documents.balances import account_document

    def find(cursor: Any) -> list[dict[str, Any]]:
        found = [each for each in _balances_known(cursor, account, as_of, known) if currency in (None, each.currency)]
        if not found:
            raise ApplicationError(f"nothing was known to be posted to {account!r} by then; leave out --known-at")
        return [account_document(*each) for each in found]

    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        rows: list[dict[str, Any]] = read(store, find, known_at=known)
    return rows


def _balances_known(cursor: Any, account: str, as_of: _AsOf, known: datetime) -> "Sequence[AccountBalance]":
    from dataclasses import replace

    from projections.account_balances import balances_of_account, balances_of_code
    from projections.as_of import of_book

    asked = of_book(cursor, None, known)
    if "/" in account:
        at = _Moments(cursor, as_of).of_account(account) if as_of else None
        return balances_of_account(cursor, account, replace(asked, effective_at=at))
    found = balances_of_code(cursor, account, asked)
    if as_of is None:
        return found
    moments = _Moments(cursor, as_of)
    at_of = {each.account: moments.of_account(each.account) for each in found}
    by_moment = {
        at: {
            (row.account, row.currency): row
            for row in balances_of_code(cursor, account, replace(asked, effective_at=at))
        }
        for at in set(at_of.values())
    }
    return [by_moment[at_of[each.account]][each.account, each.currency] for each in found]


def _never_posted(cursor: Any, account: str, currency: str | None) -> str:
    """The sentence for an account without postings, with those of its code that resemble it."""
    from difflib import get_close_matches

    from ledger.book.balances import trial_balance as posted

    within = f" in {currency}" if currency else ""
    code = account.partition("/")[0]
    names = {name for accounts in posted(cursor, code=code).values() for name in accounts} - {account}
    near = get_close_matches(account, sorted(names), n=3)
    ask = f"did you mean {' or '.join(near)}? Otherwise name" if near else "name"
    return (
        f"nothing was ever posted to {account!r}{within}; {ask} a code of the chart of accounts, such as 2010, "
        "or one with its dimension, such as 2010/OP-1"
    )


def _energy(account: str, as_of: _AsOf, data_dir: Path | None, *, debug: bool) -> list[dict[str, Any]]:
    """The commodity accounts, in Wh; they are kept by the read models, as of now only."""
    from projections.documents.balances import energy_account_document
    from projections.energy import energy_balances

    if as_of is not None:
        raise ApplicationError(
            f"{account!r} holds energy, whose balance is known as of now only; leave out --at and --known-at"
        )
    with the_store(data_dir, debug=debug, needs_kafka=False) as store:
        found = read(store, lambda cursor: list(energy_balances(cursor, account)))
    if not found:
        raise ApplicationError(
            f"no energy was ever posted to {account!r}; name 9100, 9110 or 9120, or one of their own"
        )
    return [energy_account_document(name, amounts) for name, *amounts in found]


def _of_account(cursor: Any, account: str, as_of: _AsOf) -> Iterator[_Row]:
    from ledger.book.balances import balance as balance_now
    from ledger.book.balances import balance_at, currencies_of

    at = _Moments(cursor, as_of).of_account(account) if as_of else None
    for currency in currencies_of(cursor, account):
        posted = balance_at(cursor, account, currency, at) if at else balance_now(cursor, account, currency)
        yield currency, account, posted.debits, posted.credits


def _of_code(cursor: Any, code: str, as_of: _AsOf) -> Iterator[_Row]:
    from ledger.book.balances import trial_balance as posted

    moments = _Moments(cursor, as_of) if as_of else None
    by_moment: dict[datetime, dict[str, dict[str, tuple[int, int]]]] = {}
    for currency, accounts in posted(cursor, code=code).items():
        for account, sums in accounts.items():
            if moments is not None:
                at = moments.of_account(account)
                if at not in by_moment:
                    by_moment[at] = posted(cursor, at, code)
                # Accounts that were posted to only later stand at zero.
                sums = by_moment[at].get(currency, {}).get(account, (0, 0))
            yield currency, account, *sums
