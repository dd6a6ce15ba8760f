"""The trial balance: every account that an entry stands on, now or as of a moment."""

from collections.abc import Iterator
from datetime import datetime
from typing import LiteralString

from psycopg import Cursor
from psycopg.rows import TupleRow

from ledger.book.balances import trial_balance

# Accounts that no entry stands on: whatever was posted there was mirrored. Those of `trial_balance.json` are without
# them too, so that it does not tell in which order things came to be known.
GONE: LiteralString = """
WITH mirrored AS (
    SELECT DISTINCT posting.account, posting.currency
    FROM book.entry JOIN book.posting USING (entry_id) WHERE entry.reverses IS NOT NULL
), standing AS (
    SELECT DISTINCT posting.account, posting.currency
    FROM mirrored JOIN book.posting USING (account, currency) JOIN book.entry USING (entry_id)
    WHERE entry.reverses IS NULL
      AND NOT EXISTS (SELECT FROM book.entry AS mirror WHERE mirror.reverses = entry.entry_id)
)
SELECT account, currency FROM mirrored EXCEPT SELECT account, currency FROM standing
"""


def standing_accounts(
    cursor: Cursor[TupleRow], at: datetime | None = None, *, by_code: bool = False
) -> Iterator[tuple[str, str, int, int]]:
    """Currency, account, debits and credits in minor units, both positive, sorted by currency and account.

    With `at`, which is inclusive, of what is effective by then, accounts that were posted to later left out. With
    `by_code` the accounts of a code are one.
    """
    gone = {(currency, account) for account, currency in cursor.execute(GONE)}
    for currency, accounts in trial_balance(cursor, at).items():
        standing = {name: sums for name, sums in accounts.items() if any(sums) and (currency, name) not in gone}
        for account, (debits, credits) in (_codes(standing) if by_code else standing).items():
            yield currency, account, debits, credits


def _codes(accounts: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for account, sums in accounts.items():
        code = account.partition("/")[0]
        debits, credits = found.get(code, (0, 0))
        found[code] = (debits + sums[0], credits + sums[1])
    return found
