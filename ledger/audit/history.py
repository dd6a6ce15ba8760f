"""The history of balances: every bucket against what it holds, and all that they hold against the postings.

Levels of buckets, from 0: all time (a row of book.balance), month, day, hour, minute, second, a single moment.
"""

from typing import LiteralString

from ledger.audit.amounts import Money
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot

# All buckets with their spans, and what they list; the one of all time starts before everything.
_BUCKETS: LiteralString = """
bucket AS (
    SELECT account, currency, shard, 0 AS level, '-infinity'::timestamptz AS start, debits, credits, split, listed
    FROM book.balance
    UNION ALL
    SELECT account, currency, shard, level, start, debits, credits, split, listed FROM book.balance_history
), movement AS (
    SELECT account, currency, shard, level, start, listed[number][1] AS at_us, listed[number][2] AS amount
    FROM bucket, generate_subscripts(listed, 1) AS number
)
"""
_COUNT: LiteralString = f"WITH {_BUCKETS} SELECT count(*) FROM bucket"  # noqa: S608

# What lists and single moments hold at each moment of an account, beside its postings of that moment.
_HELD: LiteralString = f"""
WITH {_BUCKETS}, held AS (
    SELECT account, currency, at_us, sum(debits) AS debits, sum(credits) AS credits FROM (
        SELECT account, currency, at_us, greatest(amount, 0) AS debits, greatest(-amount, 0) AS credits FROM movement
        UNION ALL
        SELECT account, currency, (extract(epoch FROM start) * 1000000)::bigint, debits, credits
        FROM bucket WHERE level = 6
    ) AS leaf GROUP BY account, currency, at_us
), posted AS (
    SELECT account, posting.currency, (extract(epoch FROM effective_at) * 1000000)::bigint AS at_us,
           coalesce(sum(amount_minor) FILTER (WHERE amount_minor > 0), 0) AS debits,
           coalesce(-sum(amount_minor) FILTER (WHERE amount_minor < 0), 0) AS credits
    FROM book.posting JOIN book.entry USING (entry_id)
    GROUP BY account, posting.currency, at_us
)
SELECT account, currency, at_us::text, coalesce(posted.debits, 0)::text, coalesce(posted.credits, 0)::text,
       coalesce(held.debits, 0)::text, coalesce(held.credits, 0)::text
FROM held FULL JOIN posted USING (account, currency, at_us)
WHERE (held.debits, held.credits) IS DISTINCT FROM (posted.debits, posted.credits)
ORDER BY account, currency, at_us
"""  # noqa: S608

# Each bucket beside what it lists and the buckets one level below that lie in it. One that lists has none below.
_SUMS: LiteralString = f"""
WITH {_BUCKETS}, inside AS (
    SELECT account, currency, shard, level, start, greatest(amount, 0) AS debits, greatest(-amount, 0) AS credits,
           true AS is_listed
    FROM movement
    UNION ALL
    SELECT account, currency, shard, level - 1,
           CASE WHEN level = 1 THEN '-infinity'
                ELSE date_trunc((ARRAY['month', 'day', 'hour', 'minute', 'second'])[level - 1], start) END,
           debits, credits, false
    FROM bucket WHERE level > 0
), summed AS (
    SELECT account, currency, shard, level, start, sum(debits) AS debits, sum(credits) AS credits,
           bool_or(is_listed) AS lists, bool_or(NOT is_listed) AS has_below
    FROM inside GROUP BY account, currency, shard, level, start
)
SELECT account, currency, shard, level, start::text, coalesce(summed.debits, 0)::text,
       coalesce(summed.credits, 0)::text, coalesce(bucket.debits, 0)::text, coalesce(bucket.credits, 0)::text,
       coalesce(lists AND (split OR has_below), false)
FROM bucket FULL JOIN summed USING (account, currency, shard, level, start)
WHERE level < 6 AND (bucket.debits, bucket.credits) IS DISTINCT FROM (summed.debits, summed.credits)
      OR lists AND (split OR has_below OR level = 6)
ORDER BY account, currency, shard, level, start
"""  # noqa: S608

# Movements that are listed outside the span of their bucket, and buckets that do not start where a span does.
_ASTRAY: LiteralString = f"""
WITH {_BUCKETS}, placed AS (
    SELECT account, currency, level, start, timestamptz 'epoch' + at_us * interval '1 microsecond' AS at FROM movement
    UNION ALL
    SELECT account, currency, level, start, start FROM bucket
)
SELECT DISTINCT account, currency, level, start::text, at::text
FROM placed
WHERE level > 0
  AND date_trunc((ARRAY['month', 'day', 'hour', 'minute', 'second', 'microseconds'])[level], at) <> start
ORDER BY account, currency, level, start, at
"""  # noqa: S608


def check_history(snapshot: Snapshot, tally: Tally) -> None:
    """Every movement is held once, at its own time, and every bucket is the sum of what it holds."""
    for (buckets,) in snapshot.rows(_COUNT):
        tally.examined += buckets
    for account, currency, at_us, debits, credits, held_debits, held_credits in snapshot.rows(_HELD):
        where = f"account {account} in {currency} at {at_us} microseconds since 1970"
        tally.compare(
            where, _money(debits, currency), _money(held_debits, currency), "the sum of debits in its history"
        )
        tally.compare(
            where, _money(credits, currency), _money(held_credits, currency), "the sum of credits in its history"
        )
    for account, currency, shard, level, start, debits, credits, kept_debits, kept_credits, doubled in snapshot.rows(
        _SUMS
    ):
        where = f"account {account} in {currency}, bucket of level {level} from {start}, shard {shard}"
        tally.compare(where, _money(debits, currency), _money(kept_debits, currency), "the sum of debits")
        tally.compare(where, _money(credits, currency), _money(kept_credits, currency), "the sum of credits")
        if doubled:
            tally.note(where, "a list or finer buckets", "both", f"{where}: it lists movements although it is split")
    for account, currency, level, start, at in snapshot.rows(_ASTRAY):
        where = f"account {account} in {currency}, bucket of level {level} from {start}"
        tally.note(where, "a moment in its span", at, f"{where}: it holds {at}, which is not in its span")


def _money(text: str, currency: str) -> Money:
    return Money(int(text), currency)
