-- The chain over stored events: a row for each statement that appended some, which binds their content and the row
-- before it. Whoever changes, drops, adds or swaps an event has to change every hash behind it, and the last of them is
-- kept outside this database (docs/chain.md).
CREATE TABLE event_store.chain (
    number bigint PRIMARY KEY CHECK (number >= 0),
    first_position bigint NOT NULL,
    last_position bigint NOT NULL,
    -- How many events are stored up to the last one of this row.
    total bigint NOT NULL,
    -- The transaction that appended the events, and when it began: what their entries have as `tx` and `recorded_at`.
    -- Neither is there for events that were stored before there was a chain.
    tx xid8,
    began_at timestamptz,
    -- When the row was made, in turn with all others; never before the row before it.
    recorded_at timestamptz NOT NULL,
    hash_version smallint NOT NULL CHECK (hash_version >= 1),
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    -- Of the first row alone: what folds the times and transactions of all entries that were there before the chain.
    entries_hash bytea CHECK (octet_length(entries_hash) = 32),
    CHECK (last_position >= first_position - 1),
    CHECK ((tx IS NULL) = (began_at IS NULL))
);
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event_store.chain
    FOR EACH STATEMENT EXECUTE FUNCTION wattledger.refuse_change();
ALTER TABLE event_store.chain ENABLE ALWAYS TRIGGER append_only;

-- Microseconds since 1970 UTC as eight bytes; nothing of NULL.
CREATE FUNCTION event_store.moment_bytes(moment timestamptz) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(int8send((extract(epoch FROM moment) * 1000000)::bigint), ''::bytea);

-- An event as the hash of a row takes it in: the row that COPY in its binary form writes, each field with its length.
CREATE FUNCTION event_store.bytes_of_event(event event_store.stored_events) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE
RETURN '\x000400000010'::bytea || uuid_send((event).originator_id)
    || '\x00000008'::bytea || int8send((event).originator_version)
    || int4send(octet_length((event).topic)) || convert_to((event).topic, 'UTF8')
    || int4send(octet_length((event).state)) || (event).state;

-- Version 1 of the hash of a row: SHA-256 over the name of the form, the hash before it (none of the first row), the
-- row's numbers, transaction and times, and the SHA-256 of its events one behind the other in their order.
CREATE FUNCTION event_store.hash_of_link(link event_store.chain, previous bytea, of_events bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN sha256('wattledger-chain-1'::bytea || coalesce(previous, ''::bytea) || int8send((link).number)
    || int8send((link).first_position) || int8send((link).last_position) || int8send((link).total)
    || coalesce(int8send((link).tx::text::bigint), ''::bytea) || event_store.moment_bytes((link).began_at)
    || event_store.moment_bytes((link).recorded_at) || coalesce((link).entries_hash, ''::bytea) || of_events);

-- Chains what one statement stored. As the owner, so that nobody who writes events may write here.
--
-- Who stores many has hashed them already, several times as fast as a server without OpenSSL does: their hash is taken
-- from the setting, once, and from the events themselves where there is none. A wrong one is a finding of the audit.
-- The lock is taken by whoever did not: positions are given in the order of the rows.
CREATE FUNCTION event_store.chain_events() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $$
DECLARE
    before event_store.chain;
    link event_store.chain;
    stored bigint;
    told text := current_setting('wattledger.events_hash', true);
    of_events bytea;
BEGIN
    LOCK TABLE event_store.stored_events IN EXCLUSIVE MODE;
    SELECT * INTO STRICT before FROM event_store.chain ORDER BY number DESC LIMIT 1;
    SELECT min(notification_id), max(notification_id), count(*)
    INTO link.first_position, link.last_position, stored
    FROM event_store.stored_events WHERE notification_id > before.last_position;
    IF stored = 0 THEN
        RETURN NULL;
    END IF;
    IF told <> '' THEN
        of_events := decode(told, 'hex');
        PERFORM set_config('wattledger.events_hash', '', true);
        IF octet_length(of_events) <> 32 THEN
            RAISE EXCEPTION 'wattledger.events_hash is no SHA-256 in hex: %', told
                USING ERRCODE = 'invalid_parameter_value';
        END IF;
    ELSE
        SELECT sha256(string_agg(event_store.bytes_of_event(event), ''::bytea ORDER BY notification_id))
        INTO of_events
        FROM event_store.stored_events AS event WHERE notification_id > before.last_position;
    END IF;
    link.number := before.number + 1;
    link.total := before.total + stored;
    link.tx := pg_current_xact_id();
    link.began_at := transaction_timestamp();
    link.recorded_at := greatest(clock_timestamp(), before.recorded_at);
    link.hash_version := 1;
    link.hash := event_store.hash_of_link(link, before.hash, of_events);
    INSERT INTO event_store.chain VALUES (link.*);
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION event_store.chain_events, event_store.hash_of_link, event_store.bytes_of_event,
    event_store.moment_bytes FROM PUBLIC;

-- What is there already is chained as it is found: nothing says what it was before. The first row is of no event: its
-- hash is the name of this store. The others hold a thousand events each.
DO $migrate$
DECLARE
    link event_store.chain;
    previous bytea;
    part record;
BEGIN
    link := ROW(0, 1, 0, 0, NULL, NULL, clock_timestamp(), 1, NULL, sha256(''));
    FOR part IN SELECT entry_id, tx, recorded_at FROM book.entry ORDER BY cause, entry_id LOOP
        link.entries_hash := sha256(link.entries_hash || uuid_send(part.entry_id)
            || int8send(part.tx::text::bigint) || event_store.moment_bytes(part.recorded_at));
    END LOOP;
    link.hash := event_store.hash_of_link(link, NULL, sha256(''));
    INSERT INTO event_store.chain VALUES (link.*);
    link.entries_hash := NULL;
    LOOP
        previous := link.hash;
        SELECT min(notification_id) AS first, max(notification_id) AS last, count(*) AS stored,
               sha256(string_agg(event_store.bytes_of_event(event), ''::bytea ORDER BY notification_id))
                   AS of_events
        INTO part
        FROM (
            SELECT * FROM event_store.stored_events AS event
            WHERE notification_id > link.last_position ORDER BY notification_id LIMIT 1000
        ) AS event;
        EXIT WHEN part.stored = 0;
        link := ROW(link.number + 1, part.first, part.last, link.total + part.stored, NULL, NULL,
                    greatest(clock_timestamp(), link.recorded_at), 1, NULL, NULL);
        link.hash := event_store.hash_of_link(link, previous, part.of_events);
        INSERT INTO event_store.chain VALUES (link.*);
    END LOOP;
END
$migrate$;

CREATE TRIGGER chain_events AFTER INSERT ON event_store.stored_events
    FOR EACH STATEMENT EXECUTE FUNCTION event_store.chain_events();
ALTER TABLE event_store.stored_events ENABLE ALWAYS TRIGGER chain_events;

-- From here on entries are recorded when their transaction began, which the chain has; until now each had a time of
-- its own.
ALTER TABLE book.entry ALTER COLUMN recorded_at SET DEFAULT transaction_timestamp();
