"""Balances kept with the postings, as of now and of any moment: added to in the transaction that posts."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.journal import Entry
from ledger.book.buckets import add_to_buckets
from ledger.book.spans import Movement, span_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# One account: a few rows next to each other in the primary key.
_ONE = """
SELECT coalesce(sum(debits), 0)::bigint, coalesce(sum(credits), 0)::bigint
FROM book.balance
WHERE account = %s AND currency = %s
"""

# One account at a moment, from its history.
_ONE_AT = "SELECT debits, credits FROM book.balance_at(%s, %s, %s)"

# The currencies of one account.
_CURRENCIES = "SELECT DISTINCT currency FROM book.balance WHERE account = %s ORDER BY currency"

# Every account that was ever posted to, or those of one code.
_ALL = """
SELECT currency, account, sum(debits)::bigint, sum(credits)::bigint
FROM book.balance
WHERE %(codes)s::text[] IS NULL OR split_part(account, '/', 1) = ANY(%(codes)s)
GROUP BY currency, account
ORDER BY currency, account
"""

# The same at a moment: what book.balance_at reads of one account, read of all of them in one pass over the buckets.
_ALL_AT = """
WITH span AS (
    SELECT * FROM (VALUES
        (0, NULL, NULL), (1, '-infinity', %(month)s), (2, %(month)s, %(day)s), (3, %(day)s, %(hour)s),
        (4, %(hour)s, %(minute)s), (5, %(minute)s, %(second)s),
        (6, %(second)s, %(at)s::timestamptz + interval '1 microsecond')
    ) AS spans (level, since, around)
), bucket AS (
    SELECT account, currency, 0 AS level, NULL::timestamptz AS start, 0::bigint AS debits, 0::bigint AS credits,
           listed
    FROM book.balance
    UNION ALL
    SELECT account, currency, level, start, debits, credits, listed FROM book.balance_history
), part AS (
    SELECT account, currency, debits, credits FROM bucket JOIN span USING (level)
    WHERE start >= since AND start < around
    UNION ALL
    SELECT account, currency, greatest(listed[number][2], 0), greatest(-listed[number][2], 0)
    FROM bucket JOIN span USING (level), generate_subscripts(listed, 1) AS number
    WHERE start IS NOT DISTINCT FROM around AND listed[number][1] <= %(at_us)s
)
SELECT currency, account, sum(debits)::bigint, sum(credits)::bigint
FROM part
WHERE %(codes)s::text[] IS NULL OR split_part(account, '/', 1) = ANY(%(codes)s)
GROUP BY currency, account
ORDER BY currency, account
"""
_NAMES = ("month", "day", "hour", "minute", "second")


@dataclass(frozen=True, slots=True)
class Balance:
    """What was posted to an account in one currency, in minor units; both sums are positive."""

    debits: int
    credits: int

    @property
    def debit_balance(self) -> int:
        """Debits less credits: positive on an asset, negative on a liability."""
        return self.debits - self.credits


def balance(cursor: Cursor[TupleRow], account: str, currency: str) -> Balance:
    """The balance of one account, both sums zero when nothing was ever posted to it."""
    row = cursor.execute(_ONE, (account, currency)).fetchone()
    return Balance(*row) if row else Balance(0, 0)


def balance_at(cursor: Cursor[TupleRow], account: str, currency: str, at: datetime) -> Balance:
    """What is posted to one account with an effective time up to and including `at`, whenever it was recorded.

    A few hundred rows are read by their keys, however much was posted to the account. Raises ValueError when `at` has
    no offset.
    """
    row = cursor.execute(_ONE_AT, (account, currency, _with_offset(at))).fetchone()
    return Balance(*row) if row else Balance(0, 0)


def trial_balance(
    cursor: Cursor[TupleRow], at: datetime | None = None, code: str | Collection[str] | None = None
) -> dict[str, dict[str, tuple[int, int]]]:
    """`{currency: {account: (debits, credits)}}`, sorted by currency and account, of all that is posted.

    With `at`, which is inclusive, of what is effective by then. With `code`, only accounts of this code, or of these:
    for `2010` itself and `2010/OP-1`. Raises ValueError when `at` has no offset.
    """
    codes = [code] if isinstance(code, str) else None if code is None else list(code)
    if at is None:
        rows = cursor.execute(_ALL, {"codes": codes})
    else:
        rows = cursor.execute(_ALL_AT, {"codes": codes, **_spans(at)})
    result: dict[str, dict[str, tuple[int, int]]] = {}
    for currency, account, debits, credits in rows:
        result.setdefault(currency, {})[account] = (debits, credits)
    return result


def currencies_of(cursor: Cursor[TupleRow], account: str) -> list[str]:
    """The currencies in which an account was ever posted to, sorted; none when it never was."""
    return [currency for (currency,) in cursor.execute(_CURRENCIES, (account,))]


def _with_offset(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError(f"{at} is no moment without an offset: give it one")
    return at


def _spans(at: datetime) -> dict[str, object]:
    """A moment, and where the spans begin that it is in."""
    at_us = (_with_offset(at) - _EPOCH) // _MICROSECOND
    starts = {name: _EPOCH + span_of(level, at_us)[0] * _MICROSECOND for level, name in enumerate(_NAMES, start=1)}
    return {"at": at, "at_us": at_us, **starts}


def add_to_balances(
    cursor: Cursor[TupleRow], entries: Iterable[Entry], moments_us: Iterable[int], shard: int
) -> None:
    """Add what entries move to the balances of one shard and their history, in the cursor's transaction.

    `moments_us` are the effective times of the entries, in microseconds since 1970 UTC.
    """
    moved: dict[str, dict[str, list[Movement]]] = {}
    for entry, moment_us in zip(entries, moments_us, strict=True):
        accounts = moved.setdefault(entry.currency, {})
        for account, amount_minor in entry.postings:
            movements = accounts.get(account)
            if movements is None:
                accounts[account] = [(moment_us, amount_minor)]
            else:
                movements.append((moment_us, amount_minor))
    add_to_buckets(cursor, moved, shard)
