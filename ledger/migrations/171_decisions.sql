-- What people decide about payouts.

-- From when on a line may be paid whose payout was rejected.
ALTER TABLE intake.line ADD COLUMN free_from timestamptz;
GRANT UPDATE (free_from) ON intake.line TO wattledger_writer;

-- Whether a payout waits for approval; and whether the clock has to look at what was decided about it.
ALTER TABLE intake.open_payout ADD COLUMN awaits boolean NOT NULL DEFAULT false,
    ADD COLUMN look boolean NOT NULL DEFAULT false;
UPDATE intake.open_payout SET awaits = true, look = true WHERE sent_at IS NULL;
CREATE INDEX open_payout_awaits_idx ON intake.open_payout (operator_id) WHERE awaits;
CREATE INDEX open_payout_look_idx ON intake.open_payout (payout_id) WHERE look;
GRANT UPDATE (awaits, look) ON intake.open_payout TO wattledger_writer;
