-- What each session counts for in the tiers of a month: one row of each month that it ever counted in, nothing where it does
-- no more. `counted` says that what stands on the book of the month (J02t) has it as it is.
CREATE TABLE intake.tier_session (
    session_id text COLLATE "C" NOT NULL,
    stream_id uuid NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    words text COLLATE "C" NOT NULL,
    ends_at timestamptz NOT NULL,
    currency text COLLATE "C" NOT NULL,
    sessions smallint NOT NULL,
    net bigint NOT NULL,
    energy_wh text COLLATE "C" NOT NULL,
    commission bigint NOT NULL,
    commission_vat bigint NOT NULL,
    counted boolean NOT NULL,
    PRIMARY KEY (session_id, stream_id)
) WITH (fillfactor = 80);
CREATE INDEX tier_session_stream_idx ON intake.tier_session (stream_id);
CREATE INDEX tier_session_due_idx ON intake.tier_session (ends_at) WHERE NOT counted;
GRANT SELECT ON intake.tier_session TO wattledger_auditor, wattledger_writer;
GRANT INSERT ON intake.tier_session TO wattledger_writer;
GRANT UPDATE (sessions, net, energy_wh, commission, commission_vat, counted) ON intake.tier_session TO wattledger_writer;
