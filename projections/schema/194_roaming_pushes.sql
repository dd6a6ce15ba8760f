-- What roaming partners are to be sent: marks of what changed, never messages, so that the newest state is what goes out.

-- Which connection an object for a party goes to: a party's own one, or that of a hub which reaches it. Who is suspended
-- is sent nothing, and what changes meanwhile is kept for it.
CREATE VIEW roaming.recipient AS
SELECT partner.party AS partner, partner.party AS connection, false AS via_hub
FROM access.ocpi_partner AS partner
WHERE partner.state IN ('CONNECTED', 'SUSPENDED')
UNION
SELECT upper((reached.said ->> 'country_code') || '-' || (reached.said ->> 'party_id')), partner.party, true
FROM access.ocpi_partner AS partner, jsonb_array_elements(partner.roles) AS reached (said)
WHERE partner.state IN ('CONNECTED', 'SUSPENDED') AND partner.role = 'HUB'
  AND upper((reached.said ->> 'country_code') || '-' || (reached.said ->> 'party_id')) <> partner.party;

-- An object that a connection has not been told of as it is now. `partner` is the party behind a hub that it is for, or the
-- one whose alone it is (sessions); '' for what a connection sees as everybody does, or of its own in place of that. `parts`
-- are the EVSEs of whose status alone it is, null for the whole object; `gone` marks one that was withdrawn. `version` grows
-- whenever it is marked again: what was sent is taken off only as it was when it was read. One that failed is left alone
-- until `not_before`.
CREATE SEQUENCE roaming.mark_version AS bigint;
CREATE TABLE roaming.mark (
    connection text COLLATE "C" NOT NULL REFERENCES access.ocpi_partner (party) ON DELETE CASCADE,
    module text COLLATE "C" NOT NULL CHECK (module IN ('locations', 'sessions', 'tariffs')),
    partner text COLLATE "C" NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    object_id text COLLATE "C" NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    parts text[] COLLATE "C",
    gone boolean NOT NULL DEFAULT false,
    version bigint NOT NULL DEFAULT nextval('roaming.mark_version'),
    attempts integer NOT NULL DEFAULT 0,
    not_before timestamptz NOT NULL DEFAULT 'epoch',
    PRIMARY KEY (connection, module, partner, operator_id, object_id)
);
-- What is next for a connection: those that never failed first, by how long they wait.
CREATE INDEX mark_next_idx ON roaming.mark (connection, module, not_before, since);

-- What a connection took of us. Of a session `told` says how far; a tariff is there once it was sent.
CREATE TABLE roaming.sent (
    connection text COLLATE "C" NOT NULL REFERENCES access.ocpi_partner (party) ON DELETE CASCADE,
    module text COLLATE "C" NOT NULL CHECK (module IN ('locations', 'sessions', 'tariffs')),
    partner text COLLATE "C" NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    object_id text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    told jsonb NOT NULL DEFAULT '{}',
    PRIMARY KEY (connection, module, partner, operator_id, object_id)
);

-- Objects that are no more: what they were, since who is told of it has to name them.
CREATE TABLE roaming.withdrawn (
    module text COLLATE "C" NOT NULL,
    partner text COLLATE "C" NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    object_id text COLLATE "C" NOT NULL,
    document bytea NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (module, partner, operator_id, object_id)
);

-- How pushes to a connection go, by module and by what came of them: `cause` is '' for those that were taken.
CREATE TABLE roaming.push_tally (
    connection text COLLATE "C" NOT NULL REFERENCES access.ocpi_partner (party) ON DELETE CASCADE,
    module text COLLATE "C" NOT NULL,
    cause text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    last_at timestamptz NOT NULL,
    last_said text NOT NULL DEFAULT '',
    PRIMARY KEY (connection, module, cause)
);

GRANT SELECT ON roaming.recipient TO wattledger_projector, wattledger_auditor, wattledger_door;
GRANT SELECT, INSERT, UPDATE, DELETE ON roaming.mark TO wattledger_projector, wattledger_door;
GRANT USAGE ON SEQUENCE roaming.mark_version TO wattledger_projector, wattledger_door;
GRANT SELECT, INSERT, UPDATE, DELETE ON roaming.sent, roaming.push_tally TO wattledger_door;
GRANT SELECT, INSERT, UPDATE, DELETE ON roaming.withdrawn TO wattledger_projector;
GRANT SELECT ON roaming.mark, roaming.sent, roaming.withdrawn, roaming.push_tally TO wattledger_auditor;
-- Who pushes acts as the door, and reads what it sends.
GRANT USAGE ON SCHEMA roaming TO wattledger_door;
GRANT SELECT ON roaming.object, roaming.withdrawn TO wattledger_door;

-- A connection that changes is looked at at once. Who left is owed nothing and has kept nothing that we know of; who was
-- suspended may have missed much, and gets whole objects.
CREATE FUNCTION roaming.connection_changed() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF new.state IN ('INVITED', 'LEFT') AND old.state IN ('CONNECTED', 'SUSPENDED') THEN
        DELETE FROM roaming.mark WHERE connection = new.party;
        DELETE FROM roaming.sent WHERE connection = new.party;
    ELSIF new.state = 'CONNECTED' AND old.state = 'SUSPENDED' THEN
        UPDATE roaming.mark SET parts = NULL, attempts = 0, not_before = 'epoch' WHERE connection = new.party;
    END IF;
    PERFORM pg_notify('roaming_push', '');
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION roaming.connection_changed() FROM PUBLIC;
CREATE TRIGGER connection_changed AFTER UPDATE ON access.ocpi_partner
FOR EACH ROW EXECUTE FUNCTION roaming.connection_changed();
