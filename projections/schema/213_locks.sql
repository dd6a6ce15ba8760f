-- Locks that only who needs them may take: empty tables, locked as tables are (ledger/locks.py has what each is for).
-- The right to delete is the right to lock, and there is never anything to delete.
CREATE SCHEMA lock;
GRANT USAGE ON SCHEMA lock TO wattledger_writer, wattledger_projector, wattledger_bank, wattledger_door;

CREATE TABLE lock.catalogue ();
CREATE TABLE lock.clock ();
CREATE TABLE lock.relay ();
CREATE TABLE lock.bank_lines ();
GRANT DELETE ON lock.catalogue, lock.clock, lock.relay, lock.bank_lines TO wattledger_writer;

CREATE TABLE lock.bank_files ();
GRANT DELETE ON lock.bank_files TO wattledger_bank;

CREATE TABLE lock.statements ();
CREATE TABLE lock.roaming ();
GRANT DELETE ON lock.statements, lock.roaming TO wattledger_projector;

CREATE TABLE lock.pushing ();
CREATE TABLE lock.sign_in ();
CREATE TABLE lock.action ();
CREATE TABLE lock.login ();
GRANT DELETE ON lock.pushing, lock.sign_in, lock.action, lock.login TO wattledger_door;

-- Taken by functions of the owner alone.
CREATE TABLE lock.known ();

-- One for each projection, so that one can be rebuilt beside another; a new projection's migration makes its own.
DO $$
DECLARE
    projection text;
BEGIN
    FOR projection IN SELECT DISTINCT name FROM projection.generation UNION SELECT 'roaming' LOOP
        EXECUTE format('CREATE TABLE lock.%I ()', 'rebuild_' || projection);
        EXECUTE format('GRANT DELETE ON lock.%I TO wattledger_projector', 'rebuild_' || projection);
    END LOOP;
END
$$;

-- As it was, but for the lock.
CREATE OR REPLACE FUNCTION event_store.mark_known() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reached bigint;
    latest record;
    moment timestamptz;
BEGIN
    LOCK TABLE lock.known IN EXCLUSIVE MODE;
    SELECT max(notification_id) INTO reached FROM event_store.stored_events;
    SELECT position, known_at INTO latest FROM projection.known ORDER BY position DESC LIMIT 1;
    IF reached > coalesce(latest.position, 0) THEN
        SELECT timestamptz 'epoch' + last_value * interval '1 microsecond' INTO moment FROM projection.known_asked;
        INSERT INTO projection.known (position, known_at)
        VALUES (reached, greatest(clock_timestamp(), (greatest(moment, latest.known_at) + interval '1 microsecond')));
    END IF;
    RETURN NULL;
END
$$;

-- As it was, but that the lock is let go of at once: what is undone of the inner block is the lock, and not the
-- sequence. So whoever asks holds nobody up, whatever it does with its transaction.
CREATE OR REPLACE FUNCTION projection.settle_known(moment timestamptz) RETURNS boolean
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    moment_us constant bigint NOT NULL := extract(epoch FROM moment) * 1000000;
BEGIN
    IF EXISTS (SELECT FROM projection.known WHERE known_at > moment) THEN
        RETURN true;
    END IF;
    IF moment > clock_timestamp() THEN
        RETURN false;
    END IF;
    BEGIN
        LOCK TABLE lock.known IN EXCLUSIVE MODE;
        PERFORM setval('projection.known_asked', moment_us) FROM projection.known_asked WHERE last_value < moment_us;
        RAISE EXCEPTION 'let go' USING ERRCODE = 'WL001';
    EXCEPTION WHEN SQLSTATE 'WL001' THEN
        NULL;
    END;
    RETURN true;
END
$$;

-- Waits for who makes objects visible to partners, and holds nothing afterwards.
CREATE FUNCTION roaming.settle() RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    LOCK TABLE lock.roaming IN SHARE MODE;
    RAISE EXCEPTION 'let go' USING ERRCODE = 'WL001';
EXCEPTION WHEN SQLSTATE 'WL001' THEN
    NULL;
END
$$;
REVOKE ALL ON FUNCTION roaming.settle() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION roaming.settle() TO wattledger_projector, wattledger_auditor, wattledger_tenant, wattledger_door;
