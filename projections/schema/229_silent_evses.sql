-- The last sign of life of each EVSE, and its newest heartbeat, for those who are told that nobody knows how it is. `evse_uid`
-- is folded; `told_silent` where its location says so.
CREATE TABLE roaming.evse_contact (
    operator_id text COLLATE "C" NOT NULL,
    evse_uid text COLLATE "C" NOT NULL,
    last_at timestamptz NOT NULL,
    beat_at timestamptz NOT NULL,
    interval_s integer NOT NULL,
    told_silent boolean NOT NULL DEFAULT false,
    PRIMARY KEY (operator_id, evse_uid)
) WITH (fillfactor = 70);
GRANT SELECT, INSERT, UPDATE, DELETE ON roaming.evse_contact TO wattledger_projector;
GRANT SELECT ON roaming.evse_contact TO wattledger_auditor;
