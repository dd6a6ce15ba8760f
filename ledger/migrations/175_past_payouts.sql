-- Of each payout its business date, whether it is a first attempt, which are those that a run compares its own with, and
-- when people rejected it.
ALTER TABLE intake.open_payout ADD COLUMN business_date date, ADD COLUMN counts boolean NOT NULL DEFAULT false,
    ADD COLUMN rejected_at timestamptz;
UPDATE intake.open_payout AS payout
SET business_date = (made.body ->> 'business_date')::date, counts = made.body ->> 'reissue_of' IS NULL
FROM (
    SELECT convert_from(state, 'UTF8')::jsonb - 'entry_ids' AS body
    FROM event_store.stored_events WHERE topic = 'PayoutCreated'
) AS made
WHERE payout.payout_id = made.body ->> 'payout_id';
CREATE INDEX open_payout_sent_idx ON intake.open_payout (operator_id, currency, sent_at) INCLUDE (amount) WHERE counts;
CREATE INDEX open_payout_day_idx ON intake.open_payout (operator_id, business_date) WHERE counts;
GRANT UPDATE (business_date, counts, rejected_at) ON intake.open_payout TO wattledger_writer;

-- Taxes that payouts withhold, each of what and how many percent; amounts in minor units.
CREATE TABLE intake.tax_withheld (
    operator_id text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    regime text COLLATE "C" NOT NULL,
    business_date date NOT NULL,
    payout_id text COLLATE "C" NOT NULL,
    base bigint NOT NULL,
    percent text COLLATE "C" NOT NULL,
    amount bigint NOT NULL,
    rejected_at timestamptz,
    PRIMARY KEY (operator_id, business_date, payout_id, regime)
);
GRANT INSERT, UPDATE (rejected_at) ON intake.tax_withheld TO wattledger_writer;

CREATE VIEW surface.tax_withheld AS
SELECT operator_id, currency, regime, business_date, payout_id, base, percent, amount, rejected_at
FROM intake.tax_withheld
WHERE (SELECT surface.sees_all()) OR operator_id = ANY ((SELECT surface.operators())::text[]);
GRANT SELECT ON surface.tax_withheld TO wattledger_tenant;
