"""The read model of what operators are owed, beside the book."""

from ledger.audit.amounts import Money
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot

_COLUMNS = ("pending", "available", "reserved", "disputed", "in_transit", "to_fix", "paid_out")

# By operator and currency, the kept balances of its accounts and what the bank paid it (J36 less J39), beside the
# read model; nothing while that is behind. 2050 is by payout.
_BALANCES = """
WITH payout AS (
    SELECT body ->> 'payout_id' AS payout_id, body ->> 'operator_id' AS operator_id
    FROM event_store.stored_events, LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
    WHERE topic = 'PayoutCreated'
), moved AS (
    SELECT split_part(account, '/', 1) AS code, substr(account, 6) AS owner, currency, credits - debits AS amount
    FROM book.balance
    WHERE split_part(account, '/', 1) IN ('2010', '2011', '2020', '2030', '2050', '2060')
    UNION ALL
    SELECT '1010', payout_id, posting.currency, -amount_minor
    FROM book.posting JOIN book.entry USING (entry_id)
    WHERE account = '1010' AND kind IN ('J36', 'J39')
), owned AS (
    SELECT code, currency, amount, CASE WHEN code IN ('1010', '2050') THEN operator_id ELSE owner END AS operator_id
    FROM moved LEFT JOIN payout ON payout_id = owner
), kept AS (
    SELECT operator_id, currency,
           ARRAY[coalesce(sum(amount) FILTER (WHERE code = '2011'), 0),
                 coalesce(sum(amount) FILTER (WHERE code = '2010'), 0),
                 coalesce(sum(amount) FILTER (WHERE code = '2020'), 0),
                 coalesce(sum(amount) FILTER (WHERE code = '2030'), 0),
                 coalesce(sum(amount) FILTER (WHERE code = '2050'), 0),
                 coalesce(sum(amount) FILTER (WHERE code = '2060'), 0),
                 coalesce(sum(amount) FILTER (WHERE code = '1010'), 0)]::bigint[] AS amounts
    FROM owned GROUP BY operator_id, currency
), listed AS (
    SELECT operator_id, currency,
           ARRAY[pending, available, reserved, disputed, in_transit, to_fix, paid_out]::bigint[] AS amounts
    FROM projection.operator_balances
)
SELECT coalesce(operator_id, ''), currency, coalesce(kept.amounts, '{0,0,0,0,0,0,0}'),
       coalesce(listed.amounts, '{0,0,0,0,0,0,0}')
FROM kept FULL JOIN listed USING (operator_id, currency)
WHERE (SELECT position FROM projection.generation WHERE live AND name = 'operator_balances')
      >= (SELECT coalesce(max(notification_id), 0) FROM event_store.stored_events)
ORDER BY operator_id, currency
"""


def check_operator_balances(snapshot: Snapshot, tally: Tally) -> None:
    """What each operator is owed by the read model is what its accounts hold."""
    for operator_id, currency, kept, listed in snapshot.rows(_BALANCES):
        for name, wanted, found in zip(_COLUMNS, kept, listed, strict=True):
            tally.examined += 1
            where = f"operator {operator_id} in {currency}"
            tally.compare(where, Money(wanted, currency), Money(found, currency), f"what is {name.replace('_', ' ')}")
