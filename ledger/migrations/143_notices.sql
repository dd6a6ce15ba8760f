-- When the clock has to look at a payout next: two bank days after its execution date, while nobody has answered. Those
-- of before are looked at once, whatever became of them.
ALTER TABLE intake.open_payout ADD COLUMN due_at timestamptz;
UPDATE intake.open_payout SET due_at = '1970-01-01T00:00:00Z' WHERE sent_at IS NULL OR left_at > '9999-01-01T00:00:00Z';
CREATE INDEX open_payout_due_idx ON intake.open_payout (due_at) WHERE due_at IS NOT NULL;
GRANT UPDATE (due_at) ON intake.open_payout TO wattledger_writer;

-- The moment of the last run that fired, and when that was recorded: what it found below zero can be checked by both.
ALTER TABLE intake.run ADD COLUMN fired_at timestamptz, ADD COLUMN recorded_at timestamptz;
GRANT UPDATE (fired_at, recorded_at) ON intake.run TO wattledger_writer;
