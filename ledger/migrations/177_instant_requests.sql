-- What people asked to be paid at once: minor units of `currency`, all there is without an amount. Once the clock has come to
-- it, `answered`, with the payout that was made, its business date, which one it was of that date, and how much it paid.
CREATE TABLE intake.instant_request (
    source text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    amount bigint,
    reason text NOT NULL,
    requested_by text NOT NULL,
    answered boolean NOT NULL DEFAULT false,
    payout_id text COLLATE "C",
    business_date date,
    number integer,
    paid bigint,
    PRIMARY KEY (source, id)
);
CREATE INDEX instant_request_open_idx ON intake.instant_request (operator_id, at) WHERE NOT answered;
CREATE INDEX instant_request_paid_idx ON intake.instant_request (operator_id, business_date) WHERE payout_id IS NOT NULL;
GRANT INSERT, UPDATE (answered, payout_id, business_date, number, paid) ON intake.instant_request TO wattledger_writer;
