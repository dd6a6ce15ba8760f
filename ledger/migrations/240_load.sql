-- Load of sites in the loop: what the service that steers it knows of each site and car, written with how far it has read,
-- what cars were told and what their chargers answered, and limits that were missed.
CREATE SCHEMA load;
GRANT USAGE ON SCHEMA load TO wattledger_writer, wattledger_reader, wattledger_auditor, wattledger_tenant;

-- Who owns the sites of a partition of `sites`, and how far the logs were read for them: {TOPIC/NUMBER: next offset}.
CREATE TABLE load.position (
    partition int PRIMARY KEY,
    epoch bigint NOT NULL,
    offsets jsonb NOT NULL DEFAULT '{}'
);
-- `state` is what the service goes on from, `unsent` commands of which it is not known that they left. Currents are in tenths
-- of an ampere.
CREATE TABLE load.site (
    operator_id text COLLATE "C" NOT NULL,
    location_key text COLLATE "C" NOT NULL,
    location_id text COLLATE "C" NOT NULL,
    partition int NOT NULL,
    measured_at timestamptz,
    measured_w int,
    measured_a int[],
    state jsonb NOT NULL,
    unsent jsonb NOT NULL DEFAULT '[]',
    PRIMARY KEY (operator_id, location_key)
);
CREATE INDEX site_partition_idx ON load.site (partition);
-- Sessions that are not over: what each was told last, by when it holds, what its charger said (WAITING: nothing yet), what it
-- drew by its last reading, and the most that it may draw.
CREATE TABLE load.car (
    operator_id text COLLATE "C" NOT NULL,
    location_key text COLLATE "C" NOT NULL,
    session_id text COLLATE "C" NOT NULL,
    evse_uid text COLLATE "C" NOT NULL,
    started_at timestamptz NOT NULL,
    limit_a int,
    phases int,
    why text,
    valid_from timestamptz,
    answer text COLLATE "C",
    drawn_a int,
    drawn_at timestamptz,
    may_draw_a int,
    state jsonb NOT NULL,
    PRIMARY KEY (operator_id, location_key, session_id)
);
-- Every command, with its answer.
CREATE TABLE load.profile (
    session_id text COLLATE "C" NOT NULL,
    valid_from timestamptz NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    location_key text COLLATE "C" NOT NULL,
    evse_uid text COLLATE "C" NOT NULL,
    command_id text COLLATE "C" NOT NULL UNIQUE,
    limit_a int NOT NULL CHECK (limit_a >= 0),
    phases int NOT NULL CHECK (phases BETWEEN 1 AND 3),
    valid_to timestamptz NOT NULL,
    why text NOT NULL,
    answer text COLLATE "C" CHECK (answer IN ('ACCEPTED', 'REJECTED', 'NOT_SUPPORTED', 'TIMEOUT')),
    answered_at timestamptz,
    PRIMARY KEY (session_id, valid_from)
);
CREATE INDEX profile_site_idx ON load.profile (operator_id, location_key, valid_from DESC);
-- Limits that were missed, of a circuit, and peaks that were near. `seq` is new with each change of a row, so that who follows
-- it sees beginnings and ends.
CREATE SEQUENCE load.alert_seq;
CREATE TABLE load.alert (
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('load.limit_missed', 'load.peak_near')),
    operator_id text COLLATE "C" NOT NULL,
    location_key text COLLATE "C" NOT NULL,
    location_id text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    from_at timestamptz NOT NULL,
    to_at timestamptz,
    data jsonb NOT NULL,
    seq bigint NOT NULL DEFAULT nextval('load.alert_seq'),
    PRIMARY KEY (kind, operator_id, location_key, subject, from_at)
);
CREATE UNIQUE INDEX alert_seq_idx ON load.alert (seq);
CREATE INDEX alert_site_idx ON load.alert (operator_id, location_key, from_at DESC);
CALL surface.keep_apart('load.site');
CALL surface.keep_apart('load.car');
CALL surface.keep_apart('load.profile');
CALL surface.keep_apart('load.alert');

GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA load TO wattledger_writer;
GRANT USAGE ON SEQUENCE load.alert_seq TO wattledger_writer;
GRANT SELECT ON ALL TABLES IN SCHEMA load TO wattledger_auditor;
GRANT SELECT (operator_id, location_key, location_id, measured_at, measured_w, measured_a) ON load.site
    TO wattledger_reader, wattledger_tenant;
GRANT SELECT (operator_id, location_key, session_id, evse_uid, started_at, limit_a, phases, why, valid_from, answer, drawn_a,
    drawn_at, may_draw_a) ON load.car TO wattledger_reader, wattledger_tenant;
GRANT SELECT ON load.profile, load.alert TO wattledger_reader, wattledger_tenant;
