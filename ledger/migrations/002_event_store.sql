-- The event store: the events table in the shape that the eventsourcing library's recorders use.
CREATE TABLE event_store.stored_events (
    originator_id uuid NOT NULL,
    originator_version bigint NOT NULL CHECK (originator_version >= 0),
    topic text NOT NULL,
    state bytea NOT NULL,
    notification_id bigserial NOT NULL,
    PRIMARY KEY (originator_id, originator_version)
);
CREATE UNIQUE INDEX stored_events_notification_id_idx ON event_store.stored_events (notification_id ASC);

-- The composite type that the library's own inserts are made of.
CREATE TYPE event_store.stored_event_uuid AS (
    originator_id uuid,
    originator_version bigint,
    topic text,
    state bytea
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event_store.stored_events
    FOR EACH STATEMENT EXECUTE FUNCTION wattledger.refuse_change();
ALTER TABLE event_store.stored_events ENABLE ALWAYS TRIGGER append_only;

-- Lets one transaction at a time number its events and commit, so that followers never pass over a number that
-- appears later. A function of the owner's, because the lock itself would need a right to change rows.
CREATE FUNCTION event_store.lock_for_append() RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    LOCK TABLE event_store.stored_events IN EXCLUSIVE MODE;
END
$$;
REVOKE ALL ON FUNCTION event_store.lock_for_append() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION event_store.lock_for_append() TO wattledger_writer;

-- The writer may not choose positions: they come from the sequence.
GRANT INSERT (originator_id, originator_version, topic, state) ON event_store.stored_events TO wattledger_writer;
GRANT USAGE ON SEQUENCE event_store.stored_events_notification_id_seq TO wattledger_writer;
