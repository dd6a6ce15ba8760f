-- Payouts as stored events have them, for who makes bank files: what is paid, to whom and whether it was let go, without the
-- entries. No file is made of read models, which the projector may write.
CREATE VIEW intake.payout_event AS
SELECT originator_id AS stream_id, originator_version AS version, topic,
       convert_to(
           (convert_from(state, 'UTF8')::jsonb
               || CASE topic WHEN 'PayoutCreated' THEN '{"entry_ids": []}'::jsonb
                             WHEN 'PayoutHandedOff' THEN '{"own_entries": []}'::jsonb ELSE '{}'::jsonb END)::text, 'UTF8')
           AS state
FROM event_store.stored_events
WHERE topic IN ('PayoutCreated', 'PayoutHandedOff', 'PayoutStatusChanged');
GRANT SELECT ON intake.payout_event TO wattledger_bank;
