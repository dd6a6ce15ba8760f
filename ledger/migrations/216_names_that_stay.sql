-- A row that ended does not make room for the one that it was, with the seal of then: people keep their names and are
-- who they are to their issuer, and sessions stay until they could not be alive any more.

REVOKE UPDATE ON access.person FROM wattledger_door;
GRANT UPDATE (role, operators, password_hash, version, seal, signed_in_at, disabled_at) ON access.person TO wattledger_door;

CREATE FUNCTION access.refuse_other_name() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF (new.name, new.folded, new.issuer, new.subject) IS DISTINCT FROM (old.name, old.folded, old.issuer, old.subject)
    THEN
        RAISE EXCEPTION 'user % keeps name and subject for good: disable this one, and add another', old.name
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN new;
END
$$;
CREATE TRIGGER name_stays BEFORE UPDATE ON access.person FOR EACH ROW EXECUTE FUNCTION access.refuse_other_name();
ALTER TABLE access.person ENABLE ALWAYS TRIGGER name_stays;

-- Whoever owns the tables may remove a person with all sessions.
CREATE FUNCTION access.refuse_removal() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF old.created_at > clock_timestamp() - interval '7 days' AND NOT pg_has_role('wattledger_owner', 'USAGE') THEN
        RAISE EXCEPTION 'a session stays for seven days: end it instead' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN old;
END
$$;
CREATE TRIGGER stays BEFORE DELETE ON access.session FOR EACH ROW EXECUTE FUNCTION access.refuse_removal();
ALTER TABLE access.session ENABLE ALWAYS TRIGGER stays;
REVOKE ALL ON FUNCTION access.refuse_other_name(), access.refuse_removal() FROM PUBLIC;
