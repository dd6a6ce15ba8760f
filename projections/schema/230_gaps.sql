-- Sessions that are over at their plugs, with their registers in Wh; ids without case as keys. `jump_us` and `jump_wh` say since
-- when, and by how much, its register had moved on when it began, beside the session before it at the plug: null where by
-- less than the register can tell.
CREATE TABLE projection.plug_session_row (
    generation integer NOT NULL,
    session_id text COLLATE "C" NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    location_id text COLLATE "C" NOT NULL,
    location_key text COLLATE "C" NOT NULL,
    evse_uid text COLLATE "C" NOT NULL,
    evse_key text COLLATE "C" NOT NULL,
    connector_key text COLLATE "C" NOT NULL,
    began_us bigint NOT NULL,
    ended_us bigint NOT NULL,
    start_wh numeric NOT NULL,
    stop_wh numeric NOT NULL,
    jump_us bigint,
    jump_wh numeric,
    PRIMARY KEY (generation, session_id)
) WITH (fillfactor = 80);
CREATE INDEX plug_session_row_plug_idx
    ON projection.plug_session_row (generation, operator_id, evse_key, connector_key, began_us, session_id);
CREATE INDEX plug_session_row_jump_idx ON projection.plug_session_row (generation, operator_id, began_us)
    WHERE jump_wh IS NOT NULL;

-- Where readings of a session stop: from one to the next. `end_us` and `risk_wh` are null in an open session, of which it is a
-- gap once `limit_us` have passed.
CREATE TABLE projection.reading_gap_row (
    generation integer NOT NULL,
    session_id text COLLATE "C" NOT NULL,
    begin_us bigint NOT NULL,
    end_us bigint,
    limit_us bigint NOT NULL,
    risk_wh numeric,
    operator_id text COLLATE "C" NOT NULL,
    location_id text COLLATE "C" NOT NULL,
    location_key text COLLATE "C" NOT NULL,
    evse_uid text COLLATE "C" NOT NULL,
    PRIMARY KEY (generation, session_id, begin_us)
) WITH (fillfactor = 80);
CREATE INDEX reading_gap_row_operator_idx ON projection.reading_gap_row (generation, operator_id, begin_us);

CALL surface.keep_apart('projection.plug_session_row');
CALL surface.keep_apart('projection.reading_gap_row');
CREATE VIEW projection.register_jumps WITH (security_invoker) AS
SELECT session_id, operator_id, location_id, location_key, evse_uid, evse_key, began_us, jump_us, jump_wh
FROM projection.plug_session_row
WHERE jump_wh IS NOT NULL
  AND generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'network');
CREATE VIEW projection.reading_gaps WITH (security_invoker) AS
SELECT session_id, operator_id, location_id, location_key, evse_uid, begin_us, end_us, limit_us, risk_wh
FROM projection.reading_gap_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'network');
GRANT SELECT ON projection.plug_session_row, projection.reading_gap_row, projection.register_jumps, projection.reading_gaps
    TO wattledger_tenant;
