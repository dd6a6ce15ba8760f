-- Sessions for partners: how far the event store was followed, and those that are not over.
INSERT INTO roaming.position (module) VALUES ('sessions');

-- Sessions of partners' tokens that run, or whose end cannot be billed yet: what changes by what is published of their
-- operator or partner, and at `due_at` by the clock alone. As many as there are sessions at chargers, whatever there was.
CREATE TABLE roaming.running_session (
    session_id text COLLATE "C" PRIMARY KEY,
    operator_id text COLLATE "C" NOT NULL,
    partner text COLLATE "C" NOT NULL,
    due_at timestamptz
);
CREATE INDEX running_session_operator_idx ON roaming.running_session (operator_id);
CREATE INDEX running_session_partner_idx ON roaming.running_session (partner);
CREATE INDEX running_session_due_idx ON roaming.running_session (due_at) WHERE due_at IS NOT NULL;

-- One object by its id, whoever's it is.
CREATE INDEX object_named_idx ON roaming.object (module, object_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON roaming.running_session TO wattledger_projector;
GRANT SELECT ON roaming.running_session TO wattledger_auditor;
