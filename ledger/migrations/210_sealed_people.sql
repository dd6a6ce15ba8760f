-- People, keys and sessions are believed only as they were sealed, with a key that is not in the database: a row that somebody
-- writes or changes here by hand lets nobody in.

-- `version` grows with each change that is sealed, so that what a person was before is not put back with the seal of then.
ALTER TABLE access.person
    ADD COLUMN version bigint NOT NULL DEFAULT 1,
    ADD COLUMN seal bytea CHECK (length(seal) = 32);
ALTER TABLE access.api_key ADD COLUMN seal bytea CHECK (length(seal) = 32);
-- Where another key seals from now on.
GRANT UPDATE (seal) ON access.api_key TO wattledger_door;
-- Who is signed in signs in once more.
DELETE FROM access.session;
ALTER TABLE access.session ADD COLUMN seal bytea NOT NULL CHECK (length(seal) = 32);

-- What there was before is sealed once, by whoever migrates; only the owner sees this list, and nothing is added to it.
CREATE TABLE access.unsealed (
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('person', 'key')),
    id text COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, id)
);
INSERT INTO access.unsealed (kind, id)
SELECT 'person', name FROM access.person UNION ALL SELECT 'key', id FROM access.api_key;

CREATE FUNCTION access.refuse_old_person() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (new.name, new.folded, new.role, new.operators, new.password_hash, new.issuer, new.subject, new.created_at,
        new.disabled_at, new.seal, new.version)
        IS DISTINCT FROM
        (old.name, old.folded, old.role, old.operators, old.password_hash, old.issuer, old.subject, old.created_at,
         old.disabled_at, old.seal, old.version)
        AND new.version <= old.version
    THEN
        RAISE EXCEPTION 'user % changes by another version than the next: users are changed by wattledger user', old.name
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN new;
END
$$;
CREATE TRIGGER newer_only BEFORE UPDATE ON access.person FOR EACH ROW EXECUTE FUNCTION access.refuse_old_person();
ALTER TABLE access.person ENABLE ALWAYS TRIGGER newer_only;

-- What was ended stays so. The arguments are the column that says since when, and what it is.
CREATE FUNCTION access.refuse_revival() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF to_jsonb(old) -> TG_ARGV[0] <> 'null' AND to_jsonb(new) -> TG_ARGV[0] <> to_jsonb(old) -> TG_ARGV[0] THEN
        RAISE EXCEPTION 'a % that has ended stays so: make another one', TG_ARGV[1]
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN new;
END
$$;
CREATE TRIGGER ended_stays BEFORE UPDATE ON access.api_key
    FOR EACH ROW EXECUTE FUNCTION access.refuse_revival('revoked_at', 'key');
ALTER TABLE access.api_key ENABLE ALWAYS TRIGGER ended_stays;
CREATE TRIGGER ended_stays BEFORE UPDATE ON access.session
    FOR EACH ROW EXECUTE FUNCTION access.refuse_revival('ended_at', 'session');
ALTER TABLE access.session ENABLE ALWAYS TRIGGER ended_stays;
REVOKE ALL ON FUNCTION access.refuse_old_person(), access.refuse_revival() FROM PUBLIC;
