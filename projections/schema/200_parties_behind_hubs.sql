-- Which connection an object for a party goes to now: its own, or that of the hub behind which it is online. Who is suspended here
-- keeps its place, and is sent nothing.
DROP VIEW roaming.recipient;
CREATE VIEW roaming.recipient AS
SELECT partner, connection, via_hub FROM access.ocpi_reach WHERE status = 'CONNECTED';

-- For whom it is kept in mind that something changed: those too that are offline behind a hub, and come back.
CREATE VIEW roaming.concerned AS
SELECT partner, connection, via_hub FROM access.ocpi_reach WHERE status IN ('CONNECTED', 'OFFLINE');

GRANT SELECT ON roaming.recipient, roaming.concerned TO wattledger_projector, wattledger_auditor, wattledger_door;

-- Who pushes looks at once where a hub tells something else of a party.
CREATE FUNCTION roaming.hub_told() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_notify('roaming_push', '');
    RETURN NULL;
END
$$;
CREATE TRIGGER hub_told AFTER INSERT OR UPDATE ON access.ocpi_hub_party
FOR EACH STATEMENT EXECUTE FUNCTION roaming.hub_told();

-- As before, and a party that has a connection of its own from now on is owed nothing through a hub: it pulls.
CREATE OR REPLACE FUNCTION roaming.connection_changed() RETURNS trigger
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
    ELSIF new.state = 'CONNECTED' AND old.state IN ('INVITED', 'LEFT') THEN
        DELETE FROM roaming.mark WHERE partner = new.party AND connection <> new.party;
        DELETE FROM roaming.sent WHERE partner = new.party AND connection <> new.party;
    END IF;
    PERFORM pg_notify('roaming_push', '');
    RETURN NULL;
END
$$;
