-- What each check of an audit examined and found: `[{"name", "severity", "examined", "found"}]`; NULL for audits of before.
ALTER TABLE wattledger.verification ADD COLUMN checks jsonb;
