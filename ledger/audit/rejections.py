"""Payouts that people rejected, by what was stored of them last: they pay nothing of what they were made with."""

# The head of queries, `payout_id` of each; what follows begins with a comma, or selects.
REJECTED = """
WITH rejected AS MATERIALIZED (
    SELECT payout_id FROM (
        SELECT DISTINCT ON (originator_id) body ->> 'payout_id' AS payout_id, body ->> 'status' AS status
        FROM event_store.stored_events, LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
        WHERE topic = 'PayoutStatusChanged' ORDER BY originator_id, originator_version DESC
    ) AS last WHERE status = 'REJECTED'
)
"""
