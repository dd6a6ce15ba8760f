"""Checks of the book against itself: balances and their history against postings, entries against lines and hashes.

For tests and benchmarks, which own their book; `wattledger verify` (`ledger.audit`) checks a book that is in use.
Each check returns one sentence for each thing that is wrong, none when the book is sound, and reads only. They run in
the caller's transaction; make it REPEATABLE READ when others write meanwhile.
"""

from collections.abc import Iterator
from itertools import islice

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.errors import DomainError
from ledger.book.canonical import HASH_VERSION, entry_hash
from ledger.book.journal import JournalRow, journal_rows
from ledger.errors import LedgerError

# Enough to see what is wrong; a broken book may have millions of differences.
MAX_FINDINGS = 1_000

# Accounts whose kept sums differ from the sums of their postings, in either direction.
_BALANCE_DIFFERENCES = """
WITH kept AS (
    SELECT account, currency, sum(debits) AS debits, sum(credits) AS credits
    FROM book.balance
    GROUP BY account, currency
), summed AS (
    SELECT account, currency,
           coalesce(sum(amount_minor) FILTER (WHERE amount_minor > 0), 0) AS debits,
           coalesce(-sum(amount_minor) FILTER (WHERE amount_minor < 0), 0) AS credits
    FROM book.posting
    GROUP BY account, currency
)
SELECT account, currency, kept.debits, kept.credits, summed.debits, summed.credits
FROM kept
FULL JOIN summed USING (account, currency)
WHERE (kept.debits, kept.credits) IS DISTINCT FROM (summed.debits, summed.credits)
ORDER BY account, currency
LIMIT %s
"""

# Spans of one level in which the history of an account is not the sum of its postings: what buckets of the level
# keep, and what coarser ones list and so did not hand down.
_HISTORY_DIFFERENCES = """
WITH kept AS (
    SELECT account, currency, start AS at, debits, credits FROM book.balance_history WHERE level = %(level)s
    UNION ALL
    SELECT account, currency, date_trunc(%(span)s, timestamptz 'epoch' + listed[number][1] * interval '1 microsecond',
                                         'UTC'),
           greatest(listed[number][2], 0), greatest(-listed[number][2], 0)
    FROM (
        SELECT account, currency, listed FROM book.balance
        UNION ALL
        SELECT account, currency, listed FROM book.balance_history WHERE level < %(level)s
    ) AS coarser, generate_subscripts(listed, 1) AS number
    UNION ALL
    SELECT account, posting.currency, date_trunc(%(span)s, effective_at, 'UTC'),
           -greatest(amount_minor, 0), -greatest(-amount_minor, 0)
    FROM book.posting
    JOIN book.entry USING (entry_id)
)
SELECT account, currency, at, sum(debits), sum(credits)
FROM kept
GROUP BY account, currency, at
HAVING sum(debits) <> 0 OR sum(credits) <> 0
ORDER BY account, currency, at
LIMIT %(limit)s
"""
_SPANS = ("month", "day", "hour", "minute", "second", "microseconds")

# Entries whose lines are not as stated, and lines that have no entry.
_ENTRY_DIFFERENCES = """
WITH lines AS (
    SELECT entry_id, count(*) AS lines, max(line) AS last_line, sum(amount_minor) AS total,
           min(currency) AS currency, max(currency) AS last_currency, min(tx) AS tx, max(tx) AS last_tx
    FROM book.posting
    GROUP BY entry_id
)
SELECT entry_id, entry.posting_count, entry.currency, coalesce(lines.lines, 0), coalesce(lines.total, 0)
FROM book.entry
FULL JOIN lines USING (entry_id)
WHERE (lines.lines = entry.posting_count
       AND lines.last_line = entry.posting_count
       AND lines.total = 0
       AND lines.currency = entry.currency
       AND lines.last_currency = entry.currency
       AND lines.tx = entry.tx
       AND lines.last_tx = entry.tx) IS NOT TRUE
ORDER BY entry_id
LIMIT %s
"""


def check_balances(cursor: Cursor[TupleRow]) -> list[str]:
    """Accounts whose balance is not the sum of their postings."""
    cursor.execute(_BALANCE_DIFFERENCES, (MAX_FINDINGS,))
    return [
        f"balance of {account} in {currency} is {kept_debits or 0} debit, {kept_credits or 0} credit; "
        f"its postings sum to {debits or 0} and {credits or 0}"
        for account, currency, kept_debits, kept_credits, debits, credits in cursor
    ]


def check_history(cursor: Cursor[TupleRow]) -> list[str]:
    """Accounts whose history is not the sum of their postings in some month, day, hour, minute, second or moment."""
    findings: list[str] = []
    for level, span in enumerate(_SPANS, start=1):
        cursor.execute(_HISTORY_DIFFERENCES, {"level": level, "span": span, "limit": MAX_FINDINGS - len(findings)})
        findings += [
            f"history of {account} in {currency} has {debits} debit and {credits} credit too much "
            f"in the {span.removesuffix('s')} from {at}"
            for account, currency, at, debits, credits in cursor
        ]
    return findings


def check_entries(cursor: Cursor[TupleRow]) -> list[str]:
    """Entries that do not have the postings they state, do not sum to zero, or do not match their hash."""
    cursor.execute(_ENTRY_DIFFERENCES, (MAX_FINDINGS,))
    findings = [_describe_lines(*row) for row in cursor]
    findings.extend(islice(_hash_differences(cursor), MAX_FINDINGS - len(findings)))
    return findings


def _describe_lines(entry_id: object, stated: int | None, currency: str | None, lines: int, total: int) -> str:
    if stated is None:
        return f"{lines} postings name entry {entry_id}, which does not exist"
    return f"entry {entry_id} states {stated} postings in {currency} and has {lines} with the sum {total}"


def _hash_differences(cursor: Cursor[TupleRow]) -> Iterator[str]:
    findings = map(_hash_difference, journal_rows(cursor))
    return (finding for finding in findings if finding is not None)


def _hash_difference(row: JournalRow) -> str | None:
    if row.hash_version != HASH_VERSION:
        return f"entry {row.entry_id} has a hash of version {row.hash_version}, unknown to this version of WattLedger"
    try:
        recomputed = entry_hash(row.entry())
    except (DomainError, LedgerError) as error:
        return f"entry {row.entry_id} cannot be hashed: {error}"
    if recomputed == row.hash:
        return None
    return f"entry {row.entry_id} does not match its hash: it was changed after it was written"
