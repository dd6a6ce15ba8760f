"""Balances on both time axes: of accounts, of operators, of all in the trial balance; and statements of operators."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Annotated, Any, Literal

import orjson
from fastapi import Depends, Query
from starlette.responses import Response

from api.access.roles import Right
from api.call import Call, call_for
from api.exports import Export, FormParameter, Table, listed
from api.parameters import Identifier, Moment, PageRequest, moment, page_request
from api.problems import Problem, bad_parameter, not_found
from api.resource import answers, resources
from api.shapes import Keyed
from api.tables import amounts, texts, times
from ledger.access.duties import Duty
from projections.account_balances import AccountBalance, balances_of_account, balances_of_code, trial_balance_as_of
from projections.as_of import AsOf
from projections.balances_at import operator_balances_at
from projections.documents.balances import OWED, POSTED, account_document, owed_document
from projections.documents.statements import statement_document, statement_line
from projections.operators import operator
from projections.queries import OperatorBalance, operator_balances
from projections.reading import Snapshot
from projections.statements import Statement, TooManyLines, statement

router = resources("balances")

# More entries than anybody reads, and as many as are put together while somebody waits.
_LINES_MAX = 20_000
_LINES_OF_FILE_MAX = 1_000_000

_ACCOUNTS = Table("balances", (*texts("account", "currency"), *amounts(*POSTED)))
_TRIAL_BALANCE = Table("trial-balance", (*texts("account", "currency"), *amounts(*POSTED)))
_OPERATORS = Table("operator-balances", (*texts("operator_id", "currency"), *amounts(*OWED, "owed")))
_STATEMENT = Table(
    "statement",
    (
        *times("effective_at"),
        *texts("kind", "entry_id", "session_id", "payout_id", "reverses"),
        *amounts("amount", "balance"),
        *texts("currency"),
    ),
)

_ACCOUNT_EXAMPLE = {
    "account": "2010/OP-NL",
    "currency": "EUR",
    "debits": "310.25",
    "credits": "402.10",
    "balance": "-91.85",
}
_TRIAL_EXAMPLE = Keyed(EUR=Keyed({"1010": {"debits": "402.10", "credits": "310.25", "balance": "91.85"}}))
_OWED_EXAMPLE: dict[str, Any] = {
    "operator_id": "OP-NL",
    "data": [
        {
            "currency": "EUR",
            "pending": "12.30",
            "available": "79.55",
            "reserved": "0.00",
            "disputed": "0.00",
            "in_transit": "0.00",
            "to_fix": "0.00",
            "paid_out": "310.25",
            "owed": "91.85",
        }
    ],
    "effective_at": None,
    "known_at": None,
}
_STATEMENT_EXAMPLE: dict[str, Any] = {
    "operator_id": "OP-NL",
    "currency": "EUR",
    "from": "2026-03-01T00:00:00Z",
    "to": "2026-04-01T00:00:00Z",
    "opening": "0.00",
    "lines": [
        {
            "entry_id": "8e8a3e2f-6a6d-5a3c-8d5e-0f4a1b7c9d10",
            "kind": "J01",
            "effective_at": "2026-03-25T10:42:00Z",
            "session_id": "S-1001",
            "payout_id": None,
            "reverses": None,
            "amount": "11.82",
            "balance": "11.82",
        }
    ],
    "closing": "11.82",
}


@router.get(
    "/balances",
    summary="Balances of accounts",
    responses=answers({"data": [_ACCOUNT_EXAMPLE], "next_cursor": None, "as_of": {}}, files=True),
)
async def balances(
    call: Annotated[Call, call_for(Right.MONEY)],
    page: Annotated[PageRequest, Depends(page_request)],
    account: Annotated[Identifier | None, Query(description="This account: `2010/OP-NL`")] = None,
    code: Annotated[Identifier | None, Query(description="All accounts of this code: `2010`")] = None,
    currency: Annotated[Identifier | None, Query(description="In this currency")] = None,
    form: FormParameter = None,
) -> Response:
    """What was posted to an account by currency, or to all accounts of a code, by account and currency.

    Debits and credits are positive, the balance is debits less credits. An operator sees accounts of its own.
    """
    if (account is None) == (code is None):
        raise bad_parameter("account" if account is None else "code", "give either account or code")
    sees_book = call.principal.duty is not Duty.OPERATOR

    def ask(snapshot: Snapshot, page: PageRequest) -> tuple[list[dict[str, Any]], str | None]:
        asked, keys = _asked(call, snapshot), page.keys(str, str)
        if account is not None:
            found = balances_of_account(snapshot.cursor, account, asked, sees_book=sees_book)
            return [account_document(*each) for each in found if currency in (None, each.currency)], None
        found = balances_of_code(
            snapshot.cursor,
            str(code),
            asked,
            currency=currency,
            limit=page.limit + 1,
            after=keys,
            sees_book=sees_book,
        )
        shown, more = found[: page.limit], found[page.limit :]
        return [account_document(*each) for each in shown], _cursor_behind(page, shown) if more else None

    return await listed(call, page, form, _ACCOUNTS, ask)


def _cursor_behind(page: PageRequest, shown: list[AccountBalance]) -> str:
    return page.cursor(shown[-1].account, shown[-1].currency)


def _asked(call: Call, snapshot: Snapshot) -> AsOf:
    return AsOf(call.as_of.effective_at, call.as_of.known_at, snapshot.known)


@router.get(
    "/trial-balance",
    summary="The trial balance",
    responses=answers(
        _TRIAL_EXAMPLE, description="As `trial_balance.json`: by currency and account.", etag=True, files=True
    ),
)
async def trial_balance(
    call: Annotated[Call, call_for(Right.BOOK)],
    by: Annotated[Literal["code", "account"], Query(description="What has sums of its own")] = "account",
    currency: Annotated[Identifier | None, Query(description="In this currency")] = None,
    form: FormParameter = None,
) -> Response:
    """Debits, credits and balance of every account that an entry stands on; with `by=code` a code has its own."""

    def find(snapshot: Snapshot) -> list[tuple[str, str, int, int]]:
        rows = trial_balance_as_of(snapshot.cursor, _asked(call, snapshot), by_code=by == "code")
        return [row for row in rows if currency in (None, row[0])]

    if form is not None:
        return Export(call, form, _TRIAL_BALANCE, lambda snapshot: _accounts_of(find(snapshot)))
    document, position = await call.read(lambda snapshot: (_by_currency(find(snapshot)), snapshot.known))
    return call.document(document, position)


def _accounts_of(rows: list[tuple[str, str, int, int]]) -> Iterator[dict[str, Any]]:
    return (account_document(account, unit, debits, credits) for unit, account, debits, credits in rows)


def _by_currency(rows: list[tuple[str, str, int, int]]) -> dict[str, orjson.Fragment]:
    """The shape of the file, written account by account, since there is an account for every session."""
    found = {}
    for currency, accounts in groupby(_accounts_of(rows), key=lambda each: each["currency"]):
        parts = [orjson.dumps({each["account"]: {name: each[name] for name in POSTED}})[1:-1] for each in accounts]
        found[str(currency)] = orjson.Fragment(b"{%s}" % b",".join(parts))
    return found


@router.get(
    "/operators/{operator_id}/balances",
    summary="What an operator is owed",
    responses=answers(_OWED_EXAMPLE, 404, description="By currency, as in `balances.json`.", etag=True, files=True),
)
async def balances_of_operator(
    operator_id: Identifier, call: Annotated[Call, call_for(Right.MONEY)], form: FormParameter = None
) -> Response:
    """What the operator is owed and was paid, positive in its favour; `owed` is all but what was paid out."""
    missing = not_found("operator", operator_id)

    def find(snapshot: Snapshot) -> list[dict[str, Any]]:
        found = _owed(snapshot, _asked(call, snapshot), operator_id)
        if not found and operator(snapshot.cursor, operator_id) is None:
            raise missing
        return [owed_document(each) for each in found]

    if form is not None:
        return Export(call, form, _OPERATORS, find)

    def ask(snapshot: Snapshot) -> Mapping[str, Any]:
        stated = call.as_of.document(snapshot.known)
        data = [{name: value for name, value in each.items() if name != "operator_id"} for each in find(snapshot)]
        return {
            "operator_id": operator_id,
            "data": data,
            "effective_at": stated["effective_at"],
            "known_at": stated["known_at"],
        }

    return await call.answer(ask, missing)


def _owed(snapshot: Snapshot, asked: AsOf, operator_id: str) -> list[OperatorBalance]:
    if asked.effective_at is None and asked.position >= snapshot.position:
        return operator_balances(snapshot.cursor, operator_id)
    return operator_balances_at(snapshot.cursor, asked, operator_id)


@router.get(
    "/operators/{operator_id}/statement",
    summary="A statement of what an operator is owed",
    responses=answers(
        _STATEMENT_EXAMPLE, 404, 422, description="Opening, entries and closing.", etag=True, files=True
    ),
)
async def statement_of_operator(
    operator_id: Identifier,
    call: Annotated[Call, call_for(Right.MONEY)],
    currency: Annotated[Identifier | None, Query(description="By default that of its contract")] = None,
    since: Annotated[Moment | None, Query(alias="from", description="The first moment of the period")] = None,
    until: Annotated[Moment | None, Query(alias="to", description="The first moment behind the period")] = None,
    form: FormParameter = None,
) -> Response:
    """All entries on 2010 and 2011 of the operator in [from, to), each with the balance after it.

    Positive in the operator's favour; the opening balance and the lines add up to the closing one. A share that
    matures moves from 2011 to 2010 and adds nothing.
    """
    missing = not_found("operator", operator_id)

    def find(snapshot: Snapshot, lines_max: int) -> Statement:
        terms = operator(snapshot.cursor, operator_id)
        asked = _asked(call, snapshot)
        if terms is None and not operator_balances_at(snapshot.cursor, asked, operator_id):
            raise missing
        unit = currency or (str(terms.in_effect().terms["currency"]) if terms else None)
        if unit is None:
            raise bad_parameter("currency", "is needed: the operator's contract is not known")
        bounds = {
            "since": moment(since) if since is not None else None,
            "until": moment(until) if until is not None else None,
        }
        return statement(snapshot.cursor, operator_id, unit, asked, **bounds, lines_max=lines_max)

    if form is not None:
        return Export(call, form, _STATEMENT, lambda snapshot: _lines_of(find(snapshot, _LINES_OF_FILE_MAX)))
    try:
        return await call.answer(lambda snapshot: statement_document(find(snapshot, _LINES_MAX)), missing)
    except TooManyLines as error:
        raise _too_many(error) from error


def _lines_of(found: Statement) -> Iterator[dict[str, Any]]:
    return ({**statement_line(line, found.currency), "currency": found.currency} for line in found.lines)


def _too_many(error: TooManyLines) -> Problem:
    detail = f"{error} are in this period; take a shorter one, or format=csv"
    return Problem(422, "too_many_lines", f"from: {detail}", [{"parameter": "from", "detail": detail}])
