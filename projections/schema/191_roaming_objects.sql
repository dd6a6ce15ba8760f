-- What roaming partners may see: each OCPI object as it was last made visible, and to whom.
CREATE SCHEMA roaming;
GRANT USAGE ON SCHEMA roaming TO wattledger_projector, wattledger_auditor;

-- `partner` is COUNTRY-PARTY in capitals where an object is for that partner alone, '' for one that every partner sees.
-- `object_id` is folded, since ids compare without case (OCPI types, CiString). `created` is the order in which objects
-- became visible, which pages follow. `last_updated` is when we made this state visible, never when it came about: a
-- partner that asks for what changed since it last asked would not see what came late. `digest` is of the document without
-- it, so that what is the same stays as it is. Documents are JSON as it is sent; that of 2.3.0 is null where it is the same.
CREATE TABLE roaming.object (
    module text COLLATE "C" NOT NULL CHECK (module IN ('cdrs', 'locations', 'sessions', 'tariffs')),
    partner text COLLATE "C" NOT NULL CHECK (partner = '' OR partner ~ '^[A-Z]{2}-[A-Z0-9]{3}$'),
    operator_id text COLLATE "C" NOT NULL,
    object_id text COLLATE "C" NOT NULL,
    created bigint GENERATED ALWAYS AS IDENTITY,
    last_updated timestamptz(3) NOT NULL,
    digest bytea NOT NULL CHECK (length(digest) = 32),
    document bytea NOT NULL,
    document_2_3_0 bytea,
    PRIMARY KEY (module, partner, operator_id, object_id)
);
-- A page of one partner, and how many there are, from the index alone.
CREATE INDEX object_page_idx ON roaming.object (module, partner, created) INCLUDE (last_updated, operator_id);

-- How far the event store was followed, by module.
CREATE TABLE roaming.position (
    module text COLLATE "C" PRIMARY KEY,
    position bigint NOT NULL DEFAULT 0
);
INSERT INTO roaming.position (module) VALUES ('cdrs');

GRANT SELECT, INSERT, UPDATE, DELETE ON roaming.object TO wattledger_projector;
GRANT SELECT, UPDATE ON roaming.position TO wattledger_projector;
GRANT SELECT ON roaming.object, roaming.position TO wattledger_auditor;

-- Objects that cannot be sent as they were published, and why. What was visible before stays so.
CREATE TABLE roaming.withheld (
    module text COLLATE "C" NOT NULL,
    partner text COLLATE "C" NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    object_id text COLLATE "C" NOT NULL,
    reason text NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (module, partner, operator_id, object_id)
);
CREATE INDEX withheld_operator_idx ON roaming.withheld (operator_id, module);
CREATE INDEX object_operator_idx ON roaming.object (operator_id, module);

-- The newest status of each EVSE, by when it came about, then by who said it; `evse_uid` is folded.
CREATE TABLE roaming.evse_status (
    operator_id text COLLATE "C" NOT NULL,
    evse_uid text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    source text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    PRIMARY KEY (operator_id, evse_uid)
);
INSERT INTO roaming.position (module) VALUES ('tariffs'), ('locations');
GRANT SELECT, INSERT, UPDATE, DELETE ON roaming.withheld, roaming.evse_status TO wattledger_projector;
GRANT SELECT ON roaming.withheld, roaming.evse_status TO wattledger_auditor;

-- Whether anybody is there to see objects: without partners none are made.
CREATE FUNCTION roaming.is_needed() RETURNS boolean
LANGUAGE sql STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$ SELECT EXISTS (SELECT FROM access.ocpi_partner WHERE state <> 'LEFT') $$;
REVOKE ALL ON FUNCTION roaming.is_needed() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION roaming.is_needed() TO wattledger_projector;
