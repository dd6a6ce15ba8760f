-- What explains payouts. Where the event stands that made one: what its run knew is what stands before it. And a hash of
-- what is paid, to whom and for what, which whoever decides about it names.
DELETE FROM projection.payout_row;
UPDATE projection.generation SET position = 0 WHERE name = 'payouts';
ALTER TABLE projection.payout_row ADD COLUMN position bigint NOT NULL DEFAULT 0,
    ADD COLUMN content_hash text COLLATE "C" NOT NULL DEFAULT '',
    -- When the first of the lines acts that it pays.
    ADD COLUMN first_effective_at timestamptz;
-- The newest first, of all or of an operator; and those that wait for approval, which every page counts.
CREATE INDEX payout_row_fired_idx ON projection.payout_row (generation, fired_at, payout_id);
CREATE INDEX payout_row_operator_fired_idx ON projection.payout_row (generation, operator_id, fired_at, payout_id);
CREATE INDEX payout_row_waiting_idx ON projection.payout_row (generation, operator_id) WHERE status = 'AWAITING_APPROVAL';

CREATE OR REPLACE VIEW projection.payouts AS
SELECT operator_id, currency, business_date, attempt, payout_id, batch_id, amount, reserve, status, status_at, reason,
       fired_at, reissue_of, holder_name, country_code, bank_account, entry_ids, execution_date, time_zone, calendars,
       calendar_versions, position, content_hash, first_effective_at
FROM projection.payout_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'payouts');
CREATE OR REPLACE VIEW surface.payouts WITH (security_invoker) AS
SELECT operator_id, currency, business_date, attempt, payout_id, batch_id, amount, reserve, status, status_at, reason,
       fired_at, reissue_of, country_code, masked_account AS account, entry_ids, execution_date, time_zone, calendars,
       calendar_versions, payee, position, content_hash, first_effective_at
FROM projection.payout_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'payouts');
GRANT SELECT (position, content_hash, first_effective_at) ON projection.payout_row TO wattledger_tenant;

-- Payable lines with the time and the kind of their entries.
CREATE OR REPLACE VIEW surface.payable_lines AS
SELECT entry_id, stream_id, share, operator_id, currency, amount, released_at, available_on, reserve_release, payout_id,
       takes_back, effective_at, kind
FROM intake.line
WHERE (SELECT surface.sees_all()) OR operator_id = ANY ((SELECT surface.operators())::text[]);

-- What holds up the runs of an operator, without the sentence, which may name an account or an error.
CREATE VIEW surface.held_up WITH (security_invoker) AS
SELECT operator_id, kind, since
FROM projection.finding_row
WHERE kind IN ('BAD_ACCOUNT', 'COVER_SHORT', 'RUNS_FAILED')
  AND generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'findings');
GRANT SELECT (generation, operator_id, kind, since) ON projection.finding_row TO wattledger_tenant;
GRANT SELECT ON surface.held_up TO wattledger_tenant;

-- What moved a session on its way to cash: its price (`gross`), what the operator has of it (`share`), what was captured of
-- it and what was settled; by how much, in minor units, from `at` on, by the event at `position`. A roaming session is
-- captured when its CDR is accepted and settled when that is paid. The operator is '' until it is known whose it is.
CREATE TABLE projection.cash_step_row (
    generation integer NOT NULL,
    stream_id uuid NOT NULL,
    position bigint NOT NULL,
    at timestamptz NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    gross bigint NOT NULL,
    share bigint NOT NULL,
    captured bigint NOT NULL,
    settled bigint NOT NULL,
    PRIMARY KEY (generation, stream_id, position, at)
);
CREATE INDEX cash_step_row_at_idx ON projection.cash_step_row (generation, operator_id, currency, at);
CREATE INDEX cash_step_row_nobody_idx ON projection.cash_step_row (generation, stream_id) WHERE operator_id = '';
CALL surface.keep_apart('projection.cash_step_row');
INSERT INTO projection.generation (name, generation, live) VALUES ('cash_steps', 1, true);

CREATE VIEW projection.cash_steps WITH (security_invoker) AS
SELECT stream_id, position, at, operator_id, currency, gross, share, captured, settled
FROM projection.cash_step_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'cash_steps');
GRANT SELECT ON projection.cash_step_row, projection.cash_steps TO wattledger_tenant;
