-- Actions over HTTP: what somebody asked for by an Idempotency-Key, the record that is published for it, and the answer
-- that she got. The id of an action is that of its event: UUIDv5 of principal and key. It is written before the record is
-- published, so that whoever asks again by the same key, after a crash too, has the same bytes published, which the intake
-- knows apart, and never others. They are forgotten after a month, but for those that published refused records again.
CREATE TABLE access.action (
    action_id uuid PRIMARY KEY,
    principal text COLLATE "C" NOT NULL,
    idempotency_key text COLLATE "C" NOT NULL,
    asked_sha256 bytea NOT NULL CHECK (octet_length(asked_sha256) = 32),
    -- What the event says: its type, whom it concerns, and the event itself, which several records have none of.
    type text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    operator_id text COLLATE "C",
    source text COLLATE "C" NOT NULL,
    event_id text COLLATE "C" NOT NULL,
    topic text COLLATE "C",
    record_key bytea,
    record_value bytea,
    -- The refused records that are published again, in place of a record or, of one, with `record_value` in its place.
    letters uuid[],
    reason text,
    begun_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- Until when one request has it in hand.
    held_until timestamptz,
    published_at timestamptz,
    status smallint,
    answer bytea,
    UNIQUE (principal, idempotency_key),
    CHECK ((status IS NULL) = (answer IS NULL)),
    CHECK (status IS NULL OR published_at IS NOT NULL)
);
CREATE INDEX action_begun_idx ON access.action (begun_at);
CREATE INDEX action_subject_idx ON access.action (subject, type, begun_at);
CREATE INDEX action_operator_idx ON access.action (operator_id, begun_at) WHERE operator_id IS NOT NULL;
GRANT SELECT, INSERT, UPDATE (held_until, published_at, status, answer), DELETE ON access.action TO wattledger_door;

-- Who put another text in the place of a refused record.
ALTER TABLE access.audit_log ADD COLUMN edited_by text COLLATE "C";
GRANT INSERT (edited_by) ON access.audit_log TO wattledger_door;

-- That a refused record was published again is noted by who does it; what it is, is read by who reads dead letters.
GRANT USAGE ON SCHEMA intake TO wattledger_door;
GRANT SELECT (deadletter_id, replayed_at), UPDATE (replayed_at) ON intake.deadletter TO wattledger_door;
