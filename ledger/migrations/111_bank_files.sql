-- The bank files that were made: each once, of payouts that stand in no other, and never changed. `handed_off_at` is when
-- one was first written to a folder, whole; until then it is written again, the same bytes.
CREATE TABLE intake.bank_file (
    name text COLLATE "C" PRIMARY KEY,
    content bytea NOT NULL,
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    handed_off_at timestamptz
);
CREATE TABLE intake.bank_file_payout (
    payout_id text COLLATE "C" PRIMARY KEY,
    name text COLLATE "C" NOT NULL REFERENCES intake.bank_file
);
CREATE INDEX bank_file_to_hand_off ON intake.bank_file (name) WHERE handed_off_at IS NULL;

GRANT INSERT (name, content), UPDATE (handed_off_at) ON intake.bank_file TO wattledger_projector;
GRANT INSERT ON intake.bank_file_payout TO wattledger_projector;
