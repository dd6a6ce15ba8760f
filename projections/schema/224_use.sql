-- What EVSEs are used, by local day: of the projection `network`. Times are whole microseconds, energy is in Wh. Keys of sites
-- and EVSEs are their ids without case (OCPI types, CiString).

-- Every EVSE that was heard at a site: its ids as they were told (of several spellings the one that sorts first), and its first
-- message of any kind, in microseconds since 1970.
CREATE TABLE projection.evse_place_row (
    generation integer NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    location_key text COLLATE "C" NOT NULL,
    evse_key text COLLATE "C" NOT NULL,
    location_id text COLLATE "C" NOT NULL,
    evse_uid text COLLATE "C" NOT NULL,
    first_us bigint NOT NULL,
    PRIMARY KEY (generation, operator_id, location_key, evse_key)
) WITH (fillfactor = 80);

-- By which time zone the days of a site are dated.
CREATE TABLE projection.site_zone_row (
    generation integer NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    location_key text COLLATE "C" NOT NULL,
    time_zone text COLLATE "C" NOT NULL,
    PRIMARY KEY (generation, operator_id, location_key)
);

-- What a session came to by its last assessment: net, and what of it the operator has, in minor units.
CREATE TABLE projection.session_money_row (
    generation integer NOT NULL,
    session_id text COLLATE "C" NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    net bigint NOT NULL,
    share bigint NOT NULL,
    PRIMARY KEY (generation, session_id)
);

-- What one session leaves in one local day of its EVSE, as projections/network/day_parts.py writes it; replaced as a whole.
CREATE TABLE projection.session_day_row (
    generation integer NOT NULL,
    session_id text COLLATE "C" NOT NULL,
    date date NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    location_key text COLLATE "C" NOT NULL,
    evse_key text COLLATE "C" NOT NULL,
    part text COLLATE "C" NOT NULL,
    PRIMARY KEY (generation, session_id, date)
) WITH (fillfactor = 80);
CREATE INDEX session_day_row_evse_idx
    ON projection.session_day_row (generation, date, operator_id, location_key, evse_key);

-- One day of an EVSE by channel ('' where the driver pays the platform, else the partner): only days in which it has sessions.
-- `occupied_us` and `charging_us` are of the channel's sessions; the parts `own_...` that no channel before it has add up to
-- what the EVSE was occupied by all. `spans` are the channel's, as `BEGIN:END` in microseconds since 1970.
CREATE TABLE projection.evse_day_row (
    generation integer NOT NULL,
    date date NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    location_key text COLLATE "C" NOT NULL,
    evse_key text COLLATE "C" NOT NULL,
    channel text COLLATE "C" NOT NULL,
    occupied_us bigint NOT NULL,
    charging_us bigint NOT NULL,
    own_occupied_us bigint NOT NULL,
    own_charging_us bigint NOT NULL,
    energy_wh numeric NOT NULL,
    sessions integer NOT NULL,
    ended integer NOT NULL,
    spans text COLLATE "C" NOT NULL,
    PRIMARY KEY (generation, date, operator_id, location_key, evse_key, channel)
) WITH (fillfactor = 70);

-- What the sessions came to that ended in that day, in minor units: their net, and what of it is the operator's.
CREATE TABLE projection.evse_day_money_row (
    generation integer NOT NULL,
    date date NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    location_key text COLLATE "C" NOT NULL,
    evse_key text COLLATE "C" NOT NULL,
    channel text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    sessions integer NOT NULL,
    net bigint NOT NULL,
    share bigint NOT NULL,
    PRIMARY KEY (generation, date, operator_id, location_key, evse_key, channel, currency)
) WITH (fillfactor = 70);

-- How many EVSEs of a site were occupied at once, at most, in its local day.
CREATE TABLE projection.site_day_row (
    generation integer NOT NULL,
    date date NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    location_key text COLLATE "C" NOT NULL,
    at_once integer NOT NULL,
    PRIMARY KEY (generation, date, operator_id, location_key)
) WITH (fillfactor = 70);

CALL surface.keep_apart('projection.evse_place_row');
CALL surface.keep_apart('projection.site_zone_row');
CALL surface.keep_apart('projection.session_money_row');
CALL surface.keep_apart('projection.session_day_row');
CALL surface.keep_apart('projection.evse_day_row');
CALL surface.keep_apart('projection.evse_day_money_row');
CALL surface.keep_apart('projection.site_day_row');

CREATE VIEW projection.evse_places WITH (security_invoker) AS
SELECT operator_id, location_key, evse_key, location_id, evse_uid, first_us
FROM projection.evse_place_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'network');
CREATE VIEW projection.site_zones WITH (security_invoker) AS
SELECT operator_id, location_key, time_zone
FROM projection.site_zone_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'network');
CREATE VIEW projection.evse_days WITH (security_invoker) AS
SELECT date, operator_id, location_key, evse_key, channel, occupied_us, charging_us, own_occupied_us, own_charging_us,
       energy_wh, sessions, ended
FROM projection.evse_day_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'network');
CREATE VIEW projection.evse_day_money WITH (security_invoker) AS
SELECT date, operator_id, location_key, evse_key, channel, currency, sessions, net, share
FROM projection.evse_day_money_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'network');
CREATE VIEW projection.site_days WITH (security_invoker) AS
SELECT date, operator_id, location_key, at_once
FROM projection.site_day_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'network');

GRANT SELECT ON projection.evse_place_row, projection.site_zone_row, projection.evse_day_row, projection.evse_day_money_row, projection.site_day_row,
    projection.evse_places, projection.site_zones, projection.evse_days, projection.evse_day_money, projection.site_days TO wattledger_reader, wattledger_tenant;
