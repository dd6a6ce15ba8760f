"""Cover of payouts: those that left while client money was short were told to people."""

from ledger.audit.amounts import Money
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot

# Client money less what is on its way (1010 and 2050) after all that is effective up to a moment, at each at which
# payouts were handed off; with those payouts, and how many of them were told to be short. What came to the book only
# after a payout is not held against it: it counts as short where it was by what was recorded before it, too. Before
# migration 128 nobody was told; of what people let go, the clock tells when it moves next.
_SHORT = """
WITH moved AS MATERIALIZED (
    SELECT posting.currency, effective_at, recorded_at, amount_minor,
           CASE WHEN kind IN ('J35', 'J40') AND reverses IS NULL AND account <> '1010' THEN payout_id END AS payout_id
    FROM book.posting JOIN book.entry USING (entry_id)
    WHERE account = '1010' OR account LIKE '2050/%%'
), unweighed AS MATERIALIZED (
    SELECT payout_id FROM intake.open_payout JOIN (
        SELECT convert_from(state, 'UTF8')::jsonb ->> 'payout_id' AS payout_id
        FROM event_store.stored_events WHERE topic = 'PayoutHandedOff'
    ) AS let_go USING (payout_id)
    WHERE NOT weighed
), told AS MATERIALIZED (
    SELECT DISTINCT body #>> '{finding,subject}' AS payout_id
    FROM event_store.stored_events, LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
    WHERE topic = 'FindingOpened' AND body #>> '{finding,kind}' = 'COVER_SHORT'
), moment AS (
    SELECT currency, effective_at, sum(sum(amount_minor)) OVER (PARTITION BY currency ORDER BY effective_at) AS money,
           array_agg(payout_id ORDER BY payout_id) FILTER (WHERE payout_id IS NOT NULL) AS payouts,
           count(told.payout_id) AS told, max(recorded_at) FILTER (WHERE payout_id IS NOT NULL) AS recorded_at
    FROM moved LEFT JOIN told USING (payout_id)
    GROUP BY currency, effective_at
)
SELECT currency, effective_at, payouts, money::bigint, told,
       money < 0 AND told = 0 AND NOT payouts && ARRAY(SELECT payout_id FROM unweighed)
       AND recorded_at > (SELECT applied_at FROM wattledger.migration WHERE number = 128) AND (
           SELECT sum(amount_minor) FROM moved
           WHERE moved.currency = moment.currency AND moved.effective_at <= moment.effective_at
                 AND moved.recorded_at <= moment.recorded_at
       ) < 0
FROM moment WHERE payouts IS NOT NULL ORDER BY currency, effective_at
"""


def check_covered(snapshot: Snapshot, tally: Tally) -> None:
    """Where payouts took client money below zero, a finding says so."""
    for currency, at, payouts, money, _, untold in snapshot.rows(_SHORT):
        tally.examined += 1
        if untold:
            where, short = f"payout {payouts[-1]}", Money(-money, currency)
            sentence = (
                f"{where} was handed off at {at:%Y-%m-%dT%H:%MZ}, {short} above client money, and nobody is told"
            )
            tally.note(where, "a finding COVER_SHORT", "none", sentence)
