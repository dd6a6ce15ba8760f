-- What the network does: one projection of several tables, filled when somebody asks for it or follows it.

-- Each session in time. Ids are as its start told them, `location_key` without case; `operator_id` is '' while no start is
-- known, or several name different ones. `charging` has the moments at which its state was CHARGING from and to, in turn, in
-- microseconds since 1970; `quarters` the numbers of the quarter hours with energy (900 s each, from 1970 on, in UTC), and
-- `quarter_wh` their Wh, exactly: whole numbers or NUMERATOR/DENOMINATOR. `left_out` says why it is in no figure of energy.
-- `driver` is a hash of whose token it was. `facts` are what was told of it, for the next fact.
CREATE TABLE projection.session_use_row (
    generation integer NOT NULL,
    session_id text COLLATE "C" NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    location_id text COLLATE "C" NOT NULL,
    location_key text COLLATE "C" NOT NULL,
    evse_uid text COLLATE "C" NOT NULL,
    connector_id text COLLATE "C" NOT NULL,
    party text COLLATE "C",
    driver text COLLATE "C",
    partner text COLLATE "C",
    started_at timestamptz,
    ended_at timestamptz,
    until timestamptz,
    charging bigint[] NOT NULL,
    energy_wh text COLLATE "C" NOT NULL,
    quarters integer[] NOT NULL,
    quarter_wh text[] NOT NULL,
    left_out text COLLATE "C",
    facts bytea NOT NULL,
    PRIMARY KEY (generation, session_id)
) WITH (fillfactor = 80);
CREATE INDEX session_use_row_start_idx ON projection.session_use_row (generation, operator_id, location_key, started_at);
CREATE INDEX session_use_row_left_out_idx ON projection.session_use_row (generation, operator_id, started_at)
    WHERE left_out IS NOT NULL;
CALL surface.keep_apart('projection.session_use_row');
INSERT INTO projection.generation (name, generation, live) VALUES ('network', 1, true);

CREATE VIEW projection.network WITH (security_invoker) AS
SELECT session_id, operator_id, location_id, location_key, evse_uid, connector_id, party, driver, partner, started_at, ended_at,
       until, charging, energy_wh, quarters, quarter_wh, left_out
FROM projection.session_use_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'network');

-- Every version of a site, and of the contract of its operator, which stands under the site ''.
CREATE TABLE projection.site_version_row (
    generation integer NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    location_key text COLLATE "C" NOT NULL,
    time timestamptz NOT NULL,
    source text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    effective_from timestamptz NOT NULL,
    location_id text COLLATE "C" NOT NULL,
    time_zone text,
    -- [[EVSE uid, connector id, W], ...]: what connectors can give, exactly, by ids without case.
    powers json NOT NULL,
    PRIMARY KEY (generation, operator_id, location_key, time, source, id)
);
CALL surface.keep_apart('projection.site_version_row');

-- Sites, and operators under the site '': their id, name and time zone as published last, and from which moments on their
-- connectors give which power: [[microseconds since 1970, [[EVSE uid, connector id, W], ...]], ...].
CREATE TABLE projection.site_row (
    generation integer NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    location_key text COLLATE "C" NOT NULL,
    location_id text COLLATE "C" NOT NULL,
    time_zone text,
    powers json NOT NULL,
    PRIMARY KEY (generation, operator_id, location_key)
) WITH (fillfactor = 80);
CALL surface.keep_apart('projection.site_row');

CREATE VIEW projection.sites WITH (security_invoker) AS
SELECT operator_id, location_key, location_id, time_zone, powers
FROM projection.site_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'network');

-- The energy of sessions by site and quarter hour, in Wh to 30 places, and of how many sessions it is.
CREATE TABLE projection.site_load_row (
    generation integer NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    location_key text COLLATE "C" NOT NULL,
    quarter integer NOT NULL,
    energy_wh numeric NOT NULL,
    sessions integer NOT NULL,
    PRIMARY KEY (generation, operator_id, location_key, quarter)
) WITH (fillfactor = 70);
CALL surface.keep_apart('projection.site_load_row');

CREATE VIEW projection.site_load WITH (security_invoker) AS
SELECT operator_id, location_key, quarter, energy_wh, sessions
FROM projection.site_load_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'network');

-- Where event time stands, for those who may not see which partition it is of.
CREATE VIEW surface.event_times AS
SELECT event_time FROM intake.position WHERE event_time IS NOT NULL
UNION ALL
SELECT event_time FROM intake.ahead;
GRANT SELECT ON surface.event_times TO wattledger_projector, wattledger_tenant;

CREATE TABLE lock.rebuild_network ();
GRANT DELETE ON lock.rebuild_network TO wattledger_projector;

GRANT SELECT (generation, session_id, operator_id, location_id, location_key, evse_uid, connector_id, party, driver, partner,
              started_at, ended_at, until, charging, energy_wh, quarters, quarter_wh, left_out)
    ON projection.session_use_row TO wattledger_tenant;
GRANT SELECT ON projection.network, projection.site_row, projection.sites,
    projection.site_load_row, projection.site_load TO wattledger_tenant;
