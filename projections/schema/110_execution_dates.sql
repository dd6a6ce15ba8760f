-- The day on which the bank is asked to pay a payout, and the calendars and the zone by which it was told; nothing of all
-- that for payouts that were made before there were calendars.
ALTER TABLE projection.payout_row ADD COLUMN execution_date date, ADD COLUMN time_zone text COLLATE "C",
    ADD COLUMN calendars text[], ADD COLUMN calendar_versions text[];

CREATE OR REPLACE VIEW projection.payouts AS
SELECT operator_id, currency, business_date, attempt, payout_id, batch_id, amount, reserve, status, status_at, reason,
       fired_at, reissue_of, holder_name, country_code, bank_account, entry_ids, execution_date, time_zone, calendars,
       calendar_versions
FROM projection.payout_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'payouts');
