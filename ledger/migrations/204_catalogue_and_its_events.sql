-- Each row of the catalogue names the stored event that published it. What the engine rates and pays by is read from that event;
-- the row has its place in the order, and the same content again for pages. A row that is not its event's is refused.
ALTER TABLE intake.catalogue ADD COLUMN stream_id uuid, ADD COLUMN version integer;

UPDATE intake.catalogue AS published
SET stream_id = event.originator_id, version = event.originator_version
FROM (
    SELECT originator_id, originator_version, topic, convert_from(state, 'UTF8')::json AS body
    FROM event_store.stored_events WHERE topic IN (SELECT DISTINCT type FROM intake.catalogue)
) AS event
WHERE event.topic = published.type AND event.body ->> 'source' = published.source
      AND event.body ->> 'id' = published.id;

DO $$
DECLARE
    orphan record;
BEGIN
    SELECT seq, type, source, id INTO orphan FROM intake.catalogue WHERE stream_id IS NULL ORDER BY seq LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'row % of intake.catalogue (% % of %) has no stored event: somebody put it there; as the '
            'owner of the database delete it, and migrate again', orphan.seq, orphan.type, orphan.id, orphan.source;
    END IF;
END
$$;

ALTER TABLE intake.catalogue ALTER COLUMN stream_id SET NOT NULL, ALTER COLUMN version SET NOT NULL,
    ADD CONSTRAINT catalogue_event_key UNIQUE (stream_id, version);

-- At the end of the transaction, since it stores the event after the row. A function of the owner's: nobody who inserts a row
-- decides what it is compared with.
CREATE FUNCTION intake.refuse_unpublished() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM FROM event_store.stored_events AS event
    WHERE event.originator_id = NEW.stream_id AND event.originator_version = NEW.version AND event.topic = NEW.type
          AND convert_from(event.state, 'UTF8')::json ->> 'source' = NEW.source
          AND convert_from(event.state, 'UTF8')::json ->> 'id' = NEW.id
          AND (convert_from(event.state, 'UTF8')::json ->> 'time')::timestamptz = NEW.event_time
          -- The data are the last member of the event.
          AND substr(event.state, octet_length(event.state) - octet_length(NEW.data)) = NEW.data || '}'::bytea;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% % of % is refused: the catalogue holds what stored events published and nothing else',
            NEW.type, NEW.id, NEW.source
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'catalogue_published',
                  SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION intake.refuse_unpublished() FROM PUBLIC;

CREATE CONSTRAINT TRIGGER published AFTER INSERT OR UPDATE ON intake.catalogue
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION intake.refuse_unpublished();
ALTER TABLE intake.catalogue ENABLE ALWAYS TRIGGER published;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON intake.catalogue
    FOR EACH STATEMENT EXECUTE FUNCTION wattledger.refuse_change();
ALTER TABLE intake.catalogue ENABLE ALWAYS TRIGGER append_only;

-- The order is that of arrival, which the writer does not choose.
REVOKE INSERT ON intake.catalogue FROM wattledger_writer;
GRANT INSERT (type, source, id, event_time, data, stream_id, version) ON intake.catalogue TO wattledger_writer;
