"""What was posted to accounts, on both time axes, and the trial balance.

The book answers where nothing that it holds is left out, as quickly after a million entries as after a hundred. What
was known at an earlier position is added up from the sums of days, and from lines where a day is not wanted whole.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString, NamedTuple

from psycopg import Cursor
from psycopg.rows import TupleRow

from ledger.book.balances import balance, balance_at, currencies_of
from projections.account_lines import FEW_LINES
from projections.as_of import FOREVER, AsOf, end_of_book

# The currencies in which an account was known to be posted to: each is found behind the one before. {rows} are its
# lines or its days, {first} the position at which a row was first known.
_CURRENCIES: LiteralString = """
WITH RECURSIVE place (currency) AS (
    SELECT min(currency) FROM {rows} WHERE account = %(account)s
    UNION ALL
    SELECT (
        SELECT min(posted.currency) FROM {rows} AS posted
        WHERE posted.account = %(account)s AND posted.currency > place.currency
    )
    FROM place WHERE place.currency IS NOT NULL
)
SELECT currency FROM place
WHERE EXISTS (
    SELECT FROM {rows} AS posted
    WHERE posted.account = %(account)s AND posted.currency = place.currency AND posted.{first} <= %(position)s
)
ORDER BY currency
"""

# The sums of accounts in a currency each, line by line.
_SUMS_OF_LINES = """
SELECT place.account, place.currency, sums.debits, sums.credits
FROM unnest(%(accounts)s::text[], %(currencies)s::text[]) AS place (account, currency)
CROSS JOIN LATERAL (
    SELECT coalesce(sum(amount) FILTER (WHERE amount > 0), 0)::bigint AS debits,
           coalesce(-sum(amount) FILTER (WHERE amount < 0), 0)::bigint AS credits
    FROM projection.account_lines AS line
    WHERE line.account = place.account AND line.currency = place.currency
          AND line.effective_at <= %(effective_at)s AND line.position <= %(position)s
) AS sums
"""
# The same by days: line by line only where a day goes on after the moment, or was added to after the position.
_SUMS_OF_DAYS = """
SELECT place.account, place.currency,
       coalesce(sum(CASE WHEN is_whole THEN day.debits ELSE part.debits END), 0)::bigint,
       coalesce(sum(CASE WHEN is_whole THEN day.credits ELSE part.credits END), 0)::bigint
FROM unnest(%(accounts)s::text[], %(currencies)s::text[]) AS place (account, currency)
LEFT JOIN LATERAL (
    SELECT since, until, debits, credits, until <= %(effective_at)s AND last_position <= %(position)s AS is_whole
    FROM projection.account_days
    WHERE account = place.account AND currency = place.currency AND since <= %(effective_at)s
          AND first_position <= %(position)s
) AS day ON true
LEFT JOIN LATERAL (
    SELECT sum(amount) FILTER (WHERE amount > 0) AS debits, -sum(amount) FILTER (WHERE amount < 0) AS credits
    FROM projection.account_lines AS line
    WHERE NOT day.is_whole AND line.account = place.account AND line.currency = place.currency
          AND line.effective_at >= day.since AND line.effective_at < day.until
          AND line.effective_at <= %(effective_at)s AND line.position <= %(position)s
) AS part ON true
GROUP BY place.account, place.currency
"""

# Accounts of a code behind one, from the kept balances; '0' is what follows '/' in order.
_OF_CODE_NOW = """
SELECT account, currency, sum(debits)::bigint, sum(credits)::bigint
FROM book.balance
WHERE (account, currency) > (%(first)s, %(unit)s) AND account < %(code)s || '0'
      AND currency = coalesce(%(currency)s, currency)
GROUP BY account, currency
ORDER BY account, currency
LIMIT %(limit)s
"""
# The same as they were known; {rows} and {first} as above.
_OF_CODE: LiteralString = """
SELECT account, currency
FROM {rows}
WHERE (account, currency) > (%(first)s, %(unit)s) AND account < %(code)s || '0'
      AND currency = coalesce(%(currency)s, currency) AND {first} <= %(position)s
GROUP BY account, currency
ORDER BY account, currency
LIMIT %(limit)s
"""
_LINES: Mapping[str, str] = {"rows": "projection.account_lines", "first": "position"}
_DAYS: Mapping[str, str] = {"rows": "projection.account_days", "first": "first_position"}

_STANDING_SUMS: LiteralString = """
coalesce(sum(amount) FILTER (WHERE amount > 0 AND effective_at <= %(effective_at)s), 0)::bigint AS debits,
coalesce(-sum(amount) FILTER (WHERE amount < 0 AND effective_at <= %(effective_at)s), 0)::bigint AS credits
"""
# Every account that an entry stood on at a position: one that has more lines than mirrors.
_STANDING: LiteralString = f"""
SELECT currency, account, debits, credits
FROM (
    SELECT currency, account, {_STANDING_SUMS}
    FROM projection.account_lines
    WHERE position <= %(position)s
    GROUP BY currency, account
    HAVING sum(CASE WHEN mirror THEN -1 ELSE 1 END) > 0
) AS standing
WHERE debits <> 0 OR credits <> 0
ORDER BY currency, account
"""  # noqa: S608 (constants)
# The same, the accounts of a code being one.
_STANDING_CODES: LiteralString = f"""
SELECT currency, split_part(account, '/', 1) AS code, sum(debits)::bigint, sum(credits)::bigint
FROM ({_STANDING}) AS accounts
GROUP BY currency, code
ORDER BY currency, code
"""  # noqa: S608 (constants)


class AccountBalance(NamedTuple):
    """What was posted to an account in a currency, in minor units; both sums are positive."""

    account: str
    currency: str
    debits: int
    credits: int


def currencies_known(cursor: Cursor[TupleRow], account: str, position: int) -> list[str]:
    """The currencies in which an account was known to be posted to at a position, sorted."""
    query = _CURRENCIES.format_map(_rows_of(account))
    return [unit for (unit,) in cursor.execute(query.encode(), {"account": account, "position": position}).fetchall()]


def balances_of_account(
    cursor: Cursor[TupleRow], account: str, asked: AsOf, *, sees_book: bool = True
) -> list[AccountBalance]:
    """The balances of an account by currency, none where nothing was known to be posted to it.

    Who does not see the book (`sees_book`) has it from the lines, of which it sees its own.
    """
    at = asked.effective_at
    if sees_book and asked.position >= end_of_book(cursor):
        found = {
            each: balance_at(cursor, account, each, at) if at else balance(cursor, account, each)
            for each in currencies_of(cursor, account)
        }
        return [AccountBalance(account, each, sums.debits, sums.credits) for each, sums in found.items()]
    units = currencies_known(cursor, account, asked.position)
    return sums_of_accounts(cursor, [(account, unit) for unit in units], asked)


def sums_of_accounts(
    cursor: Cursor[TupleRow], places: Sequence[tuple[str, str]], asked: AsOf
) -> list[AccountBalance]:
    """What lines of accounts of one code, with a currency each, add up to, in the order given."""
    if not places:
        return []
    query = _SUMS_OF_LINES if _has_few_lines(places[0][0]) else _SUMS_OF_DAYS
    accounts, currencies = map(list, zip(*places, strict=True))
    asked_for = {"accounts": accounts, "currencies": currencies, "position": asked.position}
    rows = cursor.execute(query, asked_for | {"effective_at": asked.effective_at or FOREVER}).fetchall()
    found = {(row[0], row[1]): AccountBalance(*row) for row in rows}
    return [found[place] for place in places]


def _rows_of(account: str) -> Mapping[str, str]:
    return _LINES if _has_few_lines(account) else _DAYS


def _has_few_lines(account: str) -> bool:
    return f"{account}/"[:5] in FEW_LINES


def balances_of_code(
    cursor: Cursor[TupleRow],
    code: str,
    asked: AsOf,
    *,
    currency: str | None = None,
    limit: int | None = None,
    after: tuple[str, str] | None = None,
    sees_book: bool = True,
) -> list[AccountBalance]:
    """The balances of the accounts of a code, by account and currency: so many (or all) behind such a pair.

    In a currency where one is named.
    """
    at = asked.effective_at
    first, unit = after or (code, "")
    asked_for: dict[str, Any] = {"code": code, "first": first, "unit": unit, "currency": currency, "limit": limit}
    if sees_book and asked.position >= end_of_book(cursor):
        found = [AccountBalance(*row) for row in cursor.execute(_OF_CODE_NOW, asked_for).fetchall()]
        return [_at(cursor, each, at) for each in found] if at else found
    query = _OF_CODE.format_map(_rows_of(code))
    places = cursor.execute(query.encode(), asked_for | {"position": asked.position}).fetchall()
    return sums_of_accounts(cursor, [(account, unit) for account, unit in places], asked)


def trial_balance_as_of(
    cursor: Cursor[TupleRow], asked: AsOf, *, by_code: bool = False
) -> list[tuple[str, str, int, int]]:
    """Currency, account, debits and credits in minor units, both positive, sorted by currency and account.

    Of every account that an entry stands on, as in `trial_balance.json`; with `by_code` those of a code are one.
    """
    asked_for = {"position": asked.position, "effective_at": asked.effective_at or FOREVER}
    return cursor.execute(_STANDING_CODES if by_code else _STANDING, asked_for).fetchall()


def _at(cursor: Cursor[TupleRow], found: AccountBalance, at: datetime) -> AccountBalance:
    sums = balance_at(cursor, found.account, found.currency, at)
    return found._replace(debits=sums.debits, credits=sums.credits)
