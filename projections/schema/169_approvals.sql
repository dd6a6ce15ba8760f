-- When people let a payout go that waited for approval, who did, and by how many it has to be approved. When it was
-- decided about, either way, and the position of that: until then its lines are set aside.
DELETE FROM projection.payout_row;
UPDATE projection.generation SET position = 0 WHERE name = 'payouts';
ALTER TABLE projection.payout_row ADD COLUMN handed_off_at timestamptz,
    ADD COLUMN approvals_needed integer NOT NULL DEFAULT 0,
    ADD COLUMN handed_off_by text[] NOT NULL DEFAULT '{}',
    ADD COLUMN decided_at timestamptz,
    ADD COLUMN decided_position bigint;

CREATE OR REPLACE VIEW projection.payouts AS
SELECT operator_id, currency, business_date, attempt, payout_id, batch_id, amount, reserve, status, status_at, reason,
       fired_at, reissue_of, holder_name, country_code, bank_account, entry_ids, execution_date, time_zone, calendars,
       calendar_versions, position, content_hash, first_effective_at, handed_off_at, approvals_needed, handed_off_by,
       decided_at, decided_position
FROM projection.payout_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'payouts');
CREATE OR REPLACE VIEW surface.payouts WITH (security_invoker) AS
SELECT operator_id, currency, business_date, attempt, payout_id, batch_id, amount, reserve, status, status_at, reason,
       fired_at, reissue_of, country_code, masked_account AS account, entry_ids, execution_date, time_zone, calendars,
       calendar_versions, payee, position, content_hash, first_effective_at, handed_off_at, approvals_needed, decided_at,
       decided_position
FROM projection.payout_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'payouts');
GRANT SELECT (handed_off_at, approvals_needed, decided_at, decided_position) ON projection.payout_row TO wattledger_tenant;
GRANT SELECT (handed_off_at) ON projection.payouts TO wattledger_bank;
