-- The profile of the bank file that a payout goes out in; nothing for the one of every bank, and in payouts that were made
-- before there were others.
ALTER TABLE projection.payout_row ADD COLUMN bank_profile text COLLATE "C" NOT NULL DEFAULT '';

CREATE OR REPLACE VIEW projection.payouts AS
SELECT operator_id, currency, business_date, attempt, payout_id, batch_id, amount, reserve, status, status_at, reason,
       fired_at, reissue_of, holder_name, country_code, bank_account, entry_ids, execution_date, time_zone, calendars,
       calendar_versions, position, content_hash, first_effective_at, handed_off_at, approvals_needed, handed_off_by,
       decided_at, decided_position, bank_profile
FROM projection.payout_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'payouts');
GRANT SELECT (bank_profile) ON projection.payouts TO wattledger_bank;
GRANT SELECT (bank_profile) ON projection.payout_row TO wattledger_tenant;
