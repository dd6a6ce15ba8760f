"""What was issued of VAT: the movements of its accounts in months of the book, without what was paid of returns."""

from collections.abc import Sequence

from psycopg import Cursor
from psycopg.rows import TupleRow

from ledger.book.balances import trial_balance
from ledger.book.periods import MICROSECOND, bounds_of

CODES = ("2110", "1310")

# What is effective in other months than those it is booked in, and what was paid of returns: taken out of what is
# effective in the months, or put into it.
_OTHERWISE = """
WITH late AS (
    SELECT entry_id, booked_in BETWEEN %(first)s AND %(last)s AS is_in,
           effective_at >= %(starts)s AND effective_at < %(ends)s AS was_in, kind = 'J58' AS is_paid
    FROM book.late_entry JOIN book.entry USING (entry_id)
), paid AS (
    SELECT entry_id, false, true, false FROM book.entry
    WHERE kind = 'J58' AND effective_at >= %(starts)s AND effective_at < %(ends)s
          AND entry_id NOT IN (SELECT entry_id FROM book.late_entry)
)
SELECT account, sum(amount_minor * ((is_in AND NOT is_paid)::int - was_in::int))::bigint
FROM (SELECT * FROM late UNION ALL SELECT * FROM paid) AS moved
JOIN book.posting USING (entry_id)
WHERE posting.currency = %(currency)s AND split_part(account, '/', 1) IN ('2110', '1310')
GROUP BY account
"""


def vat_accounts(
    cursor: Cursor[TupleRow], jurisdiction: str, currency: str, first: str, last: str, zone: str
) -> Sequence[tuple[str, int]]:
    """What is booked in months on the VAT accounts of a jurisdiction, by account: minor units, debit positive.

    Where no account names the jurisdiction, as while no terms say where VAT is owed, those without one are its own.
    """
    starts, ends = bounds_of(cursor, first, zone)[0], bounds_of(cursor, last, zone)[1]
    moved: dict[str, int] = {}
    for sign, at in ((1, ends), (-1, starts)):
        found = trial_balance(cursor, at - MICROSECOND, CODES).get(currency, {})
        for account, (debits, credits) in found.items():
            moved[account] = moved.get(account, 0) + sign * (debits - credits)
    asked = {"first": first, "last": last, "starts": starts, "ends": ends, "currency": currency}
    for account, amount in cursor.execute(_OTHERWISE, asked):
        moved[account] = moved.get(account, 0) + amount
    own = {account for account in moved if account.partition("/")[2].startswith(f"{jurisdiction}-")}
    return sorted((account, moved[account]) for account in own or {each for each in moved if "/" not in each})
