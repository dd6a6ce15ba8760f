"""Balances kept with the postings: added to in the transaction that posts, read by one look-up."""

from collections.abc import Iterable
from dataclasses import dataclass

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.journal import Entry

# Adds a set of movements to one shard. The arrays come sorted by account and currency, so that all writers lock rows
# in one order; an account's row is made when it is first posted to.
_ADD = """
INSERT INTO book.balance AS kept (account, currency, shard, debits, credits)
SELECT moved.account, moved.currency, %s, moved.debits, moved.credits
FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[]) AS moved (account, currency, debits, credits)
ON CONFLICT (account, currency, shard) DO UPDATE
SET debits = kept.debits + excluded.debits, credits = kept.credits + excluded.credits
"""

# One account: a few rows next to each other in the primary key.
_ONE = """
SELECT coalesce(sum(debits), 0)::bigint, coalesce(sum(credits), 0)::bigint
FROM book.balance
WHERE account = %s AND currency = %s
"""

# Every account that was ever posted to.
_ALL = """
SELECT currency, account, sum(debits)::bigint, sum(credits)::bigint
FROM book.balance
GROUP BY currency, account
ORDER BY currency, account
"""


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


def trial_balance(cursor: Cursor[TupleRow]) -> dict[str, dict[str, tuple[int, int]]]:
    """`{currency: {account: (debits, credits)}}` of every account, sorted by currency and account."""
    result: dict[str, dict[str, tuple[int, int]]] = {}
    for currency, account, debits, credits in cursor.execute(_ALL):
        result.setdefault(currency, {})[account] = (debits, credits)
    return result


def add_to_balances(cursor: Cursor[TupleRow], entries: Iterable[Entry], shard: int) -> None:
    """Add what the entries move to the balances of one shard, in the cursor's transaction."""
    moved: dict[tuple[str, str], list[int]] = {}
    for entry in entries:
        for posting in entry.postings:
            sums = moved.setdefault((posting.account, entry.currency), [0, 0])
            if posting.amount_minor > 0:
                sums[0] += posting.amount_minor
            else:
                sums[1] -= posting.amount_minor
    keys = sorted(moved)
    columns = (
        [account for account, _ in keys],
        [currency for _, currency in keys],
        [moved[key][0] for key in keys],
        [moved[key][1] for key in keys],
    )
    cursor.execute(_ADD, (shard, *columns), binary=False)
