-- EVSEs as their messages tell of them. `evse_key` and `location_key` are ids in small letters, since ids compare without case (OCPI types,
-- CiString); `evse_uid` and `location_id` are as told. Times that end in `_us` are whole microseconds since 1970.
--
-- One row an EVSE: its first message, its newest status by (at, source, id), and its last sign of life with the interval of
-- heartbeats in force then and the last numbered heartbeat.
CREATE TABLE projection.evse_row (
    generation integer NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    evse_key text COLLATE "C" NOT NULL,
    evse_uid text COLLATE "C" NOT NULL,
    location_id text COLLATE "C" NOT NULL,
    location_key text COLLATE "C" NOT NULL,
    located_us bigint NOT NULL,
    first_us bigint NOT NULL,
    status text COLLATE "C",
    status_us bigint,
    status_source text COLLATE "C",
    status_id text COLLATE "C",
    last_us bigint NOT NULL,
    interval_s integer,
    numbered_us bigint,
    number bigint,
    PRIMARY KEY (generation, operator_id, evse_key)
) WITH (fillfactor = 70);
CREATE INDEX evse_row_location_idx ON projection.evse_row (generation, operator_id, location_key);

-- Each status as it was told. `turns` where it is another state than the one before by (at, source, id): a month of most EVSEs
-- is few of these, whatever is plugged in and out.
CREATE TABLE projection.evse_status_row (
    generation integer NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    evse_key text COLLATE "C" NOT NULL,
    at_us bigint NOT NULL,
    source text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (state IN ('UP', 'BLOCKED', 'DOWN', 'OUT_OF_SERVICE')),
    turns boolean NOT NULL,
    error_code text,
    PRIMARY KEY (generation, operator_id, evse_key, at_us, source, id)
);
CREATE INDEX evse_status_row_turns_idx ON projection.evse_status_row (generation, operator_id, evse_key, at_us, source, id)
    WHERE turns;

-- The signs of life of an EVSE in a day of UTC, packed: 8 bytes each, 16 for a heartbeat with a number. `before` is what the
-- days before say and `after` what follows (last sign of life, interval in force, last numbered heartbeat and its number);
-- `silences` (begin, end, ...) and `missing` (begin, end, how many numbers, ...) are those that end in this day.
CREATE TABLE projection.evse_contact_row (
    generation integer NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    evse_key text COLLATE "C" NOT NULL,
    day integer NOT NULL,
    contacts bytea NOT NULL,
    before bigint[] NOT NULL,
    after bigint[] NOT NULL,
    silences bigint[] NOT NULL,
    missing bigint[] NOT NULL,
    PRIMARY KEY (generation, operator_id, evse_key, day)
) WITH (fillfactor = 70);
CREATE INDEX evse_contact_row_silences_idx ON projection.evse_contact_row (generation, operator_id, evse_key, day)
    WHERE silences <> '{}' OR missing <> '{}';

-- Why an EVSE was down in [begin, end), as somebody explained it.
CREATE TABLE projection.evse_explanation_row (
    generation integer NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    evse_key text COLLATE "C" NOT NULL,
    begin_us bigint NOT NULL,
    end_us bigint NOT NULL,
    source text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    cause text COLLATE "C" NOT NULL,
    evidence text,
    PRIMARY KEY (generation, operator_id, evse_key, begin_us, source, id)
);

CALL surface.keep_apart('projection.evse_row');
CALL surface.keep_apart('projection.evse_status_row');
CALL surface.keep_apart('projection.evse_contact_row');
CALL surface.keep_apart('projection.evse_explanation_row');

CREATE VIEW projection.evses WITH (security_invoker) AS
SELECT operator_id, evse_key, evse_uid, location_id, location_key, first_us, status, status_us, last_us, interval_s
FROM projection.evse_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'network');
CREATE VIEW projection.evse_statuses WITH (security_invoker) AS
SELECT operator_id, evse_key, at_us, source, id, status, state, turns, error_code
FROM projection.evse_status_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'network');
CREATE VIEW projection.evse_contacts WITH (security_invoker) AS
SELECT operator_id, evse_key, day, silences, missing
FROM projection.evse_contact_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'network');
CREATE VIEW projection.evse_explanations WITH (security_invoker) AS
SELECT operator_id, evse_key, begin_us, end_us, source, id, cause, evidence
FROM projection.evse_explanation_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'network');
GRANT SELECT ON projection.evse_row, projection.evse_status_row, projection.evse_contact_row,
    projection.evse_explanation_row, projection.evses, projection.evse_statuses, projection.evse_contacts,
    projection.evse_explanations
    TO wattledger_tenant;
