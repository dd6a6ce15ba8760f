-- Sessions at their plugs as they stand, in the order in which they started there, so that those which overlap are found
-- beside their neighbours. Of a session and all before it the one that ended last is kept with it (NULL: itself, or nobody where it does not count): that one
-- tells of any number of earlier ones whether the next session overlaps them. Whoever writes here holds the lock for
-- appending events, so that no two can miss each other.
CREATE TABLE intake.plug_session (
    session_id text COLLATE "C" PRIMARY KEY,
    plug uuid NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    start_wh numeric NOT NULL,
    stop_wh numeric NOT NULL,
    -- Not one that a review found to be none: what is wrong with itself is kept, and it is beside nobody.
    counts boolean NOT NULL,
    reach_at timestamptz,
    reach_wh numeric,
    reach_id text COLLATE "C",
    -- What is wrong with it beside those before it (kind and session), and what of that its stream has been told.
    found text COLLATE "C",
    told text COLLATE "C"
);
CREATE INDEX plug_session_order_idx ON intake.plug_session (plug, started_at, session_id);
CREATE INDEX plug_session_untold_idx ON intake.plug_session (session_id) WHERE found IS DISTINCT FROM told;

GRANT INSERT, UPDATE, DELETE ON intake.plug_session TO wattledger_writer;

-- Sessions that ended before this table was there are judged again, and take their places then.
UPDATE intake.session_head SET stale = true WHERE started_at IS NOT NULL AND NOT stale;
