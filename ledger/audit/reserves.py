"""Reserves: what a payout kept is given back (J32) once its days are over (rule P8)."""

from ledger.audit.amounts import Money
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot

# Payouts whose reserve nobody gave back though the operator's latest run, which was stored after they left, paid a
# business date as many days after theirs as any terms of the operator ever asked for.
_OVERDUE = """
WITH days AS MATERIALIZED (
    SELECT body #>> '{data,operator_id}' AS operator_id, max((body #>> '{data,payout,reserve_days}')::int) AS days
    FROM event_store.stored_events, LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
    WHERE topic IN ('operator.registered', 'operator.changed') GROUP BY 1
), created AS MATERIALIZED (
    SELECT originator_id, notification_id, body ->> 'payout_id' AS payout_id, body ->> 'operator_id' AS operator_id,
           body ->> 'currency' AS currency, (body ->> 'business_date')::date AS day,
           body ->> 'reissue_of' IS NULL AND (body ->> 'attempt')::int < 1000 AS is_of_run,
           (body ->> 'reserve')::bigint - coalesce((body ->> 'retained')::bigint, 0) AS held
    FROM event_store.stored_events,
         LATERAL (SELECT convert_from(state, 'UTF8')::jsonb - 'entry_ids' AS body) AS parsed
    WHERE topic = 'PayoutCreated'
), latest AS MATERIALIZED (
    SELECT DISTINCT ON (operator_id) operator_id, day, notification_id FROM created WHERE is_of_run
    ORDER BY operator_id, notification_id DESC
), kept AS MATERIALIZED (
    SELECT originator_id, max(notification_id) AS position
    FROM event_store.stored_events, LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
    WHERE topic = 'Booked.ReserveHeld' AND body #>> '{booking,key}' = 'reserve' GROUP BY originator_id
), given_back AS MATERIALIZED (
    SELECT originator_id
    FROM event_store.stored_events, LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
    WHERE topic = 'Booked.ReserveReleased' AND body #>> '{booking,key}' = 'reserve-release'
)
SELECT payout_id, currency, held, created.day + days.days, latest.day
FROM created JOIN kept USING (originator_id) JOIN days USING (operator_id) JOIN latest USING (operator_id)
WHERE held > 0 AND latest.day >= created.day + days.days AND latest.notification_id > kept.position
  AND originator_id NOT IN (SELECT originator_id FROM given_back)
ORDER BY payout_id
"""


def check_reserves_given_back(snapshot: Snapshot, tally: Tally) -> None:
    """What a payout kept as reserve was given back by the run of its day."""
    for payout_id, currency, held, day, paid in snapshot.rows(_OVERDUE):
        where, kept = f"payout {payout_id}", Money(held, currency)
        sentence = f"{where} kept {kept} through {day} at most, and the run of {paid} did not give it back"
        tally.note(where, f"{kept} given back", "nothing", sentence)
