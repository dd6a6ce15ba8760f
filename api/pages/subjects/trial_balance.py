"""The trial balance on both axes: every code or account, and debits that equal credits in each currency."""

from collections.abc import Mapping, Sequence

from starlette.responses import Response

from api.access.roles import Right
from api.pages.page import PageCall, page
from api.pages.rendering import render
from api.pages.table import Check, Column, Row, Sum, Table
from api.pages.view import Filter, View
from api.problems import bad_parameter
from domain.book.words import held_by
from domain.money import format_minor
from projections.account_balances import trial_balance_as_of
from projections.as_of import AsOf
from projections.reading import Snapshot

_BY = ("code", "account")
# Codes are shown on one page, however many currencies there are; accounts a page at a time.
_CODES_MAX = 1_000
_FIGURES = ("debits", "credits", "balance")
FILTERS = (Filter("by", "By", _BY, default="code"), Filter("currency", "Currency"))


@page("/trial-balance", Right.BOOK, "by", "currency", as_of=True, listed="/v1/trial-balance")
async def trial_balance(call: PageCall) -> Response:
    """By code, or by account."""
    by, currency = call.query.get("by", "code"), call.query.get("currency")
    if by not in _BY:
        raise bad_parameter("by", f"is one of {', '.join(_BY)}")

    def ask(snapshot: Snapshot) -> list[tuple[str, str, int, int]]:
        asked = AsOf(call.as_of.effective_at, call.as_of.known_at, snapshot.known)
        found = trial_balance_as_of(snapshot.cursor, asked, by_code=by == "code")
        return [row for row in found if currency in (None, row[0])]

    part = call.page
    begin = (part.keys(int) or (0,))[0]
    end = begin + max(part.limit, _CODES_MAX if by == "code" else 0)

    def present(view: View, found: list[tuple[str, str, int, int]]) -> Response:
        cursor = part.cursor(end) if end < len(found) else None
        table = _table(view, found[begin:end], _sums(found), by, cursor)
        return render("trial_balance.html", view, table=table, filters=FILTERS)

    return await call.show(ask, present)


def _table(
    view: View,
    found: Sequence[tuple[str, str, int, int]],
    sums: Mapping[str, Mapping[str, int]],
    by: str,
    cursor: str | None,
) -> Table:
    """A page of rows, with the sums of all."""
    rows = [
        {
            "currency": currency,
            "account": account,
            "holds": held_by(account),
            "debits": format_minor(debits, currency),
            "credits": format_minor(credits, currency),
            "balance": format_minor(debits - credits, currency),
        }
        for currency, account, debits, credits in found
    ]

    def parts(figure: str) -> Column:
        def href(row: Row) -> str:
            return view.link("/accounts", **{by: row["account"]}, currency=row["currency"], sum=figure)

        return Column(figure, figure.capitalize(), "amount", href)

    columns = [
        Column("account", by.capitalize(), href=lambda row: view.link("/accounts", **{by: row["account"]})),
        Column("holds", "Holds"),
        Column("currency", "Currency"),
        *map(parts, _FIGURES),
    ]
    return Table(
        columns,
        rows,
        "Every figure opens what it is the sum of. Currencies are never added together.",
        kind=by,
        key="account",
        sums=[
            Sum(
                f"All of {currency}", {name: format_minor(each, currency) for name, each in amounts.items()}, currency
            )
            for currency, amounts in sums.items()
        ],
        checks=[
            Check(
                all(not amounts["balance"] for amounts in sums.values()),
                "Debits equal credits in every currency.",
            )
        ],
        empty="Nothing was posted yet.",
        exports=view.exports("/v1/trial-balance"),
        pages=view.pages(cursor),
    )


def _sums(found: Sequence[tuple[str, str, int, int]]) -> dict[str, dict[str, int]]:
    sums: dict[str, dict[str, int]] = {}
    for currency, _, debits, credits in found:
        of_currency = sums.setdefault(currency, dict.fromkeys(_FIGURES, 0))
        for name, amount in zip(_FIGURES, (debits, credits, debits - credits), strict=True):
            of_currency[name] += amount
    return dict(sorted(sums.items()))


ROUTES = (trial_balance,)
