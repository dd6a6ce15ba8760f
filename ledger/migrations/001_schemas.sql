-- The schemas, who may look into them, and the trigger that keeps a table append-only.
CREATE SCHEMA event_store;
CREATE SCHEMA book;
CREATE SCHEMA intake;
CREATE SCHEMA projection;

GRANT USAGE ON SCHEMA wattledger, event_store, book, intake, projection
    TO wattledger_writer, wattledger_projector, wattledger_reader, wattledger_auditor;
GRANT SELECT ON wattledger.migration
    TO wattledger_writer, wattledger_projector, wattledger_reader, wattledger_auditor;

-- What later migrations put into these schemas is granted like this unless they say otherwise.
ALTER DEFAULT PRIVILEGES IN SCHEMA event_store, book GRANT SELECT ON TABLES
    TO wattledger_writer, wattledger_projector, wattledger_auditor;
ALTER DEFAULT PRIVILEGES IN SCHEMA book GRANT SELECT ON TABLES TO wattledger_reader;
-- The reader sees nothing of the intake: messages and dead letters name drivers and bank accounts.
ALTER DEFAULT PRIVILEGES IN SCHEMA intake GRANT SELECT ON TABLES
    TO wattledger_writer, wattledger_projector, wattledger_auditor;
ALTER DEFAULT PRIVILEGES IN SCHEMA projection GRANT SELECT ON TABLES
    TO wattledger_writer, wattledger_reader, wattledger_auditor;

-- The projector drops and rebuilds its read models, so it has everything in its own schema and nothing elsewhere.
GRANT CREATE ON SCHEMA projection TO wattledger_projector;
ALTER DEFAULT PRIVILEGES IN SCHEMA projection GRANT ALL ON TABLES TO wattledger_projector;
ALTER DEFAULT PRIVILEGES IN SCHEMA projection GRANT ALL ON SEQUENCES TO wattledger_projector;

-- Refuses whatever statement fires it. Used BEFORE UPDATE, DELETE and TRUNCATE, once a statement and
-- ENABLE ALWAYS, so that neither ON CONFLICT DO UPDATE nor a superuser in replica mode gets past it.
CREATE FUNCTION wattledger.refuse_change() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION '% on %.% is refused: what is recorded there is never changed, only added to',
        TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation',
              CONSTRAINT = TG_TABLE_NAME || '_append_only',
              SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
END
$$;
