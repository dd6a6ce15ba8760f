-- Sessions by their drivers (a hash of whose token it was), as of the local date on which they start: of which the first that
-- the driver had at the operator is marked, by when it started, then by its id. Of the projection `network`.
CREATE TABLE projection.driver_session_row (
    generation integer NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    driver text COLLATE "C" NOT NULL,
    started_us bigint NOT NULL,
    session_id text COLLATE "C" NOT NULL,
    date date NOT NULL,
    channel text COLLATE "C" NOT NULL,
    is_first boolean NOT NULL,
    PRIMARY KEY (generation, operator_id, driver, started_us, session_id)
);
CREATE INDEX driver_session_row_session_idx ON projection.driver_session_row (generation, session_id);
CREATE INDEX driver_session_row_first_idx ON projection.driver_session_row (generation, operator_id, driver) WHERE is_first;
CREATE INDEX driver_session_row_date_idx
    ON projection.driver_session_row (generation, date, operator_id) INCLUDE (channel, is_first);
CALL surface.keep_apart('projection.driver_session_row');

CREATE VIEW projection.driver_sessions WITH (security_invoker) AS
SELECT operator_id, date, channel, is_first
FROM projection.driver_session_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'network');
GRANT SELECT (generation, operator_id, date, channel, is_first) ON projection.driver_session_row TO wattledger_tenant;
GRANT SELECT ON projection.driver_sessions TO wattledger_tenant;
