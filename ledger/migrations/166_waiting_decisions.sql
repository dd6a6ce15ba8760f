-- What people decided and what waits for something else to come.

-- Payouts that were let go and wait for client money: since when they could leave, and whether it was found not to
-- reach then.
ALTER TABLE intake.open_payout ADD COLUMN ready_at timestamptz, ADD COLUMN short boolean NOT NULL DEFAULT false;
CREATE INDEX open_payout_ready_idx ON intake.open_payout (ready_at) WHERE ready_at IS NOT NULL;
GRANT UPDATE (ready_at, short) ON intake.open_payout TO wattledger_writer;

-- Entries of a bank of which something is allocated to a roaming partner that nobody has registered.
CREATE TABLE intake.bank_allocation (
    partner text COLLATE "C" NOT NULL,
    stream_id uuid NOT NULL,
    PRIMARY KEY (partner, stream_id)
);
GRANT SELECT, INSERT, DELETE ON intake.bank_allocation TO wattledger_writer;
