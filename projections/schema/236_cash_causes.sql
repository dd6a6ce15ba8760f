-- Where operators' money stands: of what a stream has on the accounts of an operator (2010, 2011, 2020, 2030, 2050), how
-- much is at which place from `at` on, by the event at `position`. Minor units, positive in the operator's favour; what is
-- at a place no more has a row that takes it away. `subject` is the session or the payout.
CREATE TABLE projection.cash_cause_row (
    generation integer NOT NULL,
    stream_id uuid NOT NULL,
    position bigint NOT NULL,
    at timestamptz NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    place text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    amount bigint NOT NULL,
    PRIMARY KEY (generation, stream_id, position, at, operator_id, currency, place)
);
-- What a question about a moment reads of the day in which it is: all of it is in the index.
CREATE INDEX cash_cause_row_at_idx ON projection.cash_cause_row (generation, operator_id, currency, at)
    INCLUDE (place, position, amount);
-- What stands at one place, by session or payout.
CREATE INDEX cash_cause_row_subject_idx ON projection.cash_cause_row (generation, operator_id, currency, place, subject)
    INCLUDE (at, position, amount);
CALL surface.keep_apart('projection.cash_cause_row');

-- The same by day in UTC; `last_position` is that of the last event that added to it.
CREATE TABLE projection.cash_cause_day_row (
    generation integer NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    place text COLLATE "C" NOT NULL,
    since timestamptz NOT NULL,
    last_position bigint NOT NULL,
    amount bigint NOT NULL,
    PRIMARY KEY (generation, operator_id, currency, place, since)
) WITH (fillfactor = 70);
CALL surface.keep_apart('projection.cash_cause_day_row');

CREATE VIEW projection.cash_causes WITH (security_invoker) AS
SELECT stream_id, position, at, operator_id, currency, place, subject, amount
FROM projection.cash_cause_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'network');
CREATE VIEW projection.cash_cause_days WITH (security_invoker) AS
SELECT operator_id, currency, place, since, last_position, amount
FROM projection.cash_cause_day_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'network');
GRANT SELECT ON projection.cash_cause_row, projection.cash_causes, projection.cash_cause_day_row, projection.cash_cause_days
    TO wattledger_reader, wattledger_tenant;
