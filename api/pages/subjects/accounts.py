"""Accounts on both axes: the chart by code, the accounts of a code, and one account line by line with its balance."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from starlette.responses import Response

from api.access.roles import Right
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.table import Column, Row, Sum, Table
from api.pages.view import View
from api.parameters import PageRequest
from api.problems import bad_parameter, not_found
from domain.book.words import code_of, held_by, meaning_of
from domain.calendar import instant, utc_text
from domain.money import format_minor
from ledger.access.duties import Duty
from projections.account_balances import (
    AccountBalance,
    balances_of_account,
    balances_of_code,
    trial_balance_as_of,
)
from projections.as_of import AsOf
from projections.entry_list import OPERATORS_CODES
from projections.operators import OperatorTerms, operator, zone_name
from projections.reading import Snapshot
from projections.statements import AccountLine, latest_lines

# What may be asked of an account as one sum, and how it is made of debits and credits.
SUMS: dict[str, tuple[str, Callable[[int, int], int]]] = {
    "balance": ("Balance, debit positive", lambda debits, credits: debits - credits),
    "favour": ("Balance, credit positive", lambda debits, credits: credits - debits),
    "debits": ("Debits", lambda debits, _: debits),
    "credits": ("Credits", lambda _, credits: credits),
}


@dataclass(frozen=True, slots=True)
class Found:
    """What an address of this page is about: balances, and the lines of one account in one currency."""

    balances: Sequence[AccountBalance]
    total: AccountBalance | None = None
    lines: Sequence[AccountLine] = ()
    following: str | None = None
    zone: str | None = None


def _resource(query: Mapping[str, str]) -> str:
    """What gives a page of this address as a file."""
    return "/v1/entries" if "account" in query else "/v1/balances" if "code" in query else "/v1/trial-balance"


@page("/accounts", Right.MONEY, "account", "code", "currency", "sum", as_of=True, listed=_resource)
async def accounts(call: PageCall) -> Response:
    """The chart; with `code` its accounts, with `account` its lines, newest first."""
    account, code, which = call.query.get("account"), call.query.get("code"), call.query.get("sum", "balance")
    if which not in SUMS:
        raise bad_parameter("sum", f"is one of {', '.join(SUMS)}")
    if account is not None:
        return await _account(call, account, which)
    if code is not None:
        return await _code(call, code, which)
    return await _chart(call)


def _asked(call: PageCall, snapshot: Snapshot) -> AsOf:
    return AsOf(call.as_of.effective_at, call.as_of.known_at, snapshot.known)


async def _chart(call: PageCall) -> Response:
    """All codes for who sees the book; for an operator its own accounts."""
    own = call.principal.operators if call.principal.duty is Duty.OPERATOR else None

    def ask(snapshot: Snapshot) -> list[AccountBalance]:
        asked = _asked(call, snapshot)
        if own is None:
            return _codes(snapshot, asked)
        names = [f"{code}/{operator}" for operator in own for code in OPERATORS_CODES]
        return [
            found for name in names for found in balances_of_account(snapshot.cursor, name, asked, sees_book=False)
        ]

    def present(view: View, found: list[AccountBalance]) -> Response:
        rows = sorted(found, key=lambda each: (each.account, each.currency))
        parameter = "code" if own is None else "account"
        caption = "The chart of accounts. Each figure opens what it is the sum of."
        table = _balances_table(view, rows, caption, parameter)
        return render("accounts.html", view, title="Accounts", lead=_LEAD, table=table, total=None, which="balance")

    return await call.show(ask, present)


async def _code(call: PageCall, code: str, which: str) -> Response:
    if call.principal.duty is Duty.OPERATOR:
        raise not_found("code", code)
    part, currency = call.page, call.query.get("currency")
    after = part.keys(str, str) or ("", "")

    def ask(snapshot: Snapshot) -> Found:
        asked = _asked(call, snapshot)
        found = balances_of_code(snapshot.cursor, code, asked, limit=part.limit + 1, after=(after[0], after[1]))
        shown = found[: part.limit]
        cursor = part.cursor(shown[-1].account, shown[-1].currency) if found[part.limit :] else None
        whole = shown if cursor is None and after == ("", "") else _codes(snapshot, asked)
        rows = [each for each in shown if currency in (None, each.currency)]
        return Found(rows, _sum_of(code, currency, whole), following=cursor)

    def present(view: View, found: Found) -> Response:
        caption = f"Accounts of {code}, {held_by(code)}" if held_by(code) else f"Accounts of {code}"
        table = _balances_table(view, found.balances, caption, "account", found.following)
        lead = f"{held_by(code)[0].upper()}{held_by(code)[1:]}: every account of the code." if held_by(code) else None
        total = _total(found.total, which) if found.total else None
        return render(
            "accounts.html", view, title=f"Accounts of {code}", lead=lead, table=table, total=total, which=which
        )

    return await call.show(ask, present)


def _codes(snapshot: Snapshot, asked: AsOf) -> list[AccountBalance]:
    """Every code with what was posted to all of its accounts."""
    rows = trial_balance_as_of(snapshot.cursor, asked, by_code=True)
    return [AccountBalance(code, currency, debits, credits) for currency, code, debits, credits in rows]


def _sum_of(code: str, currency: str | None, found: Sequence[AccountBalance]) -> AccountBalance | None:
    """The sum of a code in a currency, or in the only one there is; None where there are several."""
    of_code = [each for each in found if code_of(each.account) == code and currency in (None, each.currency)]
    if len({each.currency for each in of_code}) != 1:
        return None
    debits, credits = (sum(getattr(each, name) for each in of_code) for name in ("debits", "credits"))
    return AccountBalance(code, of_code[0].currency, debits, credits)


async def _account(call: PageCall, account: str, which: str) -> Response:
    part, currency = call.page, call.query.get("currency")
    sees_book = call.principal.duty is not Duty.OPERATOR

    def ask(snapshot: Snapshot) -> Found:
        asked = _asked(call, snapshot)
        balances = balances_of_account(snapshot.cursor, account, asked, sees_book=sees_book)
        owner = _owner(snapshot, account)
        zone = zone_name(owner) if owner else None
        if not balances:
            # Nothing stood on it by then, which is an answer of an account that there is, or may be.
            now = AsOf(None, None, snapshot.position)
            ever = balances_of_account(snapshot.cursor, account, now, sees_book=sees_book)
            currencies = {each.currency for each in ever} or ({_own_currency(owner)} if owner else set())
            balances = [AccountBalance(account, each, 0, 0) for each in sorted(currencies)]
        chosen = [each for each in balances if currency in (None, each.currency)]
        if len(chosen) != 1:
            return Found(balances, zone=zone)
        found = latest_lines(
            snapshot.cursor, account, chosen[0].currency, asked, limit=part.limit + 1, after=_after(part)
        )
        shown = found[: part.limit]
        last = shown[-1] if found[part.limit :] else None
        cursor = part.cursor(utc_text(last.effective_at), str(last.entry_id), last.line) if last else None
        return Found(balances, chosen[0], shown, cursor, zone)

    def present(view: View, found: Found) -> Response:
        if not found.balances:
            raise not_found("account with anything on it", account)
        others = _balances_table(view, found.balances, f"{account} by currency", "account")
        return render(
            "account.html",
            view,
            account=account,
            held=held_by(account),
            balance=found.total,
            total=_total(found.total, which) if found.total else None,
            which=which,
            sums=SUMS,
            others=others if len(found.balances) > 1 else None,
            table=_lines_table(view, found, which) if found.total else None,
            facts=_facts(found.total) if found.total else None,
        )

    return await call.show(ask, present, lambda found: found.zone)


def _owner(snapshot: Snapshot, account: str) -> OperatorTerms | None:
    """The operator whose account it is."""
    code, _, owner = account.partition("/")
    return operator(snapshot.cursor, owner) if code in OPERATORS_CODES else None


def _own_currency(owner: OperatorTerms) -> str:
    return str(owner.in_effect().terms["currency"])


def _after(part: PageRequest) -> tuple[datetime, UUID, int] | None:
    keys = part.keys(str, str, int)
    return (instant(keys[0]), UUID(keys[1]), keys[2]) if keys else None


def _total(found: AccountBalance, which: str) -> dict[str, str]:
    label, made = SUMS[which]
    return {
        "label": label,
        "value": format_minor(made(found.debits, found.credits), found.currency),
        "currency": found.currency,
    }


def _facts(found: AccountBalance) -> dict[str, str]:
    return {name: format_minor(made(found.debits, found.credits), found.currency) for name, (_, made) in SUMS.items()}


def _balances_table(
    view: View, found: Sequence[AccountBalance], caption: str, parameter: str, cursor: str | None = None
) -> Table:
    rows = [
        {
            "account": each.account,
            "holds": held_by(each.account),
            "currency": each.currency,
            "debits": format_minor(each.debits, each.currency),
            "credits": format_minor(each.credits, each.currency),
            "balance": format_minor(each.debits - each.credits, each.currency),
        }
        for each in found
    ]

    def parts(figure: str) -> Callable[[Row], str]:
        return lambda row: view.link("/accounts", **{parameter: row["account"]}, currency=row["currency"], sum=figure)

    columns = [
        Column("account", "Account", href=lambda row: view.link("/accounts", **{parameter: row["account"]})),
        Column("holds", "Holds"),
        Column("currency", "Currency"),
        *(Column(each, each.capitalize(), "amount", parts(each)) for each in ("debits", "credits", "balance")),
    ]
    return Table(
        columns,
        rows,
        caption,
        kind="account",
        key="account",
        empty="Nothing was posted yet.",
        exports=view.exports(_resource(view.query)) if parameter == "code" or "code" in view.query else {},
        pages=view.pages(cursor),
    )


def _lines_table(view: View, found: Found, which: str) -> Table:
    assert found.total is not None
    currency, sign = found.total.currency, -1 if which == "favour" else 1
    rows = [
        {
            "effective_at": each.effective_at,
            "kind": each.kind,
            "meaning": meaning_of(each.kind, each.mirror),
            "amount": format_minor(sign * each.amount, currency),
            "balance": format_minor(sign * each.balance, currency),
            "currency": currency,
            "entry_id": str(each.entry_id),
        }
        for each in found.lines
    ]
    columns = [
        Column("effective_at", "Effective", "time"),
        Column("kind", "Kind"),
        Column("meaning", "Meaning"),
        Column("amount", currency, "amount"),
        Column("balance", "Balance after", "amount"),
        Column("entry_id", "Entry", "short", lambda row: view.link(f"/entries/{row['entry_id']}")),
    ]
    positive = "credit positive" if which == "favour" else "debit positive"
    return Table(
        columns,
        rows,
        f"Lines, newest first, {positive}; each with the balance after it",
        kind="entry",
        key="entry_id",
        empty="Nothing was posted by then.",
        exports=view.exports("/v1/entries"),
        sums=[Sum("Balance of the account", {"balance": _total(found.total, _SIGNED[which])["value"]}, currency)],
        pages=view.pages(found.following),
    )


# The sign in which lines are shown for each sum that may be asked.
_SIGNED = {"balance": "balance", "favour": "favour", "debits": "balance", "credits": "balance"}
_LEAD = "What was posted, account by account; a debit is positive."

ROUTES = (accounts,)
