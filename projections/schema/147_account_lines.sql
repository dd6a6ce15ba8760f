-- Every line of the book by its account, and when what was known: balances, statements and lists by effective time and by
-- the time at which things came to be known.

-- Amounts in minor units, debit positive. `position` is that of the stored event that posted the line; `operator_id` says
-- whose account it is, and is NULL for the platform's own, drivers' and partners'. A mirror takes another line back, each
-- one at most once: an account with as many mirrors as other lines is one that nothing stands on. All of it
-- is in the index.
CREATE TABLE projection.account_line_row (
    generation integer NOT NULL,
    account text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    effective_at timestamptz NOT NULL,
    entry_id uuid NOT NULL,
    line smallint NOT NULL,
    position bigint NOT NULL,
    amount bigint NOT NULL,
    operator_id text COLLATE "C",
    kind text COLLATE "C" NOT NULL,
    mirror boolean NOT NULL,
    PRIMARY KEY (generation, account, currency, effective_at, entry_id, line) INCLUDE (position, amount, operator_id, kind, mirror)
);

-- It begins at the first event, beside a system that runs: whoever follows the events fills it.
INSERT INTO projection.generation (name, generation, live) VALUES ('account_lines', 1, true);

CREATE VIEW projection.account_lines WITH (security_invoker) AS
SELECT account, currency, effective_at, entry_id, line, position, amount, operator_id, kind, mirror
FROM projection.account_line_row
WHERE generation = (
    SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'account_lines'
);

-- By when the store had come to a position: what is stored up to the greatest position of all that were known by a moment
-- is what was known then. Positions and moments grow together, whatever the clock does. A marker is of one transaction
-- that appended events. A store that is older than its markers has one at the end of what it held then, its `origin`;
-- those before it are made of the times of entries, by whoever follows the events.
CREATE TABLE projection.known (
    position bigint PRIMARY KEY CHECK (position >= 1),
    known_at timestamptz NOT NULL,
    origin boolean NOT NULL DEFAULT false
);
CREATE UNIQUE INDEX known_at_key ON projection.known (known_at) INCLUDE (position);
CREATE UNIQUE INDEX known_origin_key ON projection.known (origin) WHERE origin;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON projection.known
    FOR EACH STATEMENT EXECUTE FUNCTION wattledger.refuse_change();
ALTER TABLE projection.known ENABLE ALWAYS TRIGGER append_only;
REVOKE ALL ON projection.known FROM wattledger_projector;
GRANT SELECT, INSERT ON projection.known TO wattledger_projector;

-- The latest moment that was asked for before a later one had a marker, in microseconds since 1970 UTC: markers to come
-- are later than it, though the clock be set back.
CREATE SEQUENCE projection.known_asked MINVALUE 0 START 0;
REVOKE ALL ON SEQUENCE projection.known_asked FROM wattledger_projector;

-- Marks how far the store has come by now. The lock is held until the events are committed, so that who has waited for it
-- sees all markers up to that moment; appends are one at a time anyway.
CREATE FUNCTION event_store.mark_known() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reached bigint;
    latest record;
    moment timestamptz;
BEGIN
    PERFORM pg_advisory_xact_lock(7406);
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
REVOKE ALL ON FUNCTION event_store.mark_known() FROM PUBLIC;
CREATE TRIGGER mark_known AFTER INSERT ON event_store.stored_events
    FOR EACH STATEMENT EXECUTE FUNCTION event_store.mark_known();

-- What is stored so far is known by now at the latest.
INSERT INTO projection.known (position, known_at, origin)
SELECT max(notification_id), clock_timestamp(), true FROM event_store.stored_events HAVING max(notification_id) IS NOT NULL;

-- Settles what was known by a moment, in a transaction of its own before the snapshot that is to read it: whoever appends
-- comes either into that snapshot, or later than the moment. False for a moment that has not come yet.
CREATE FUNCTION projection.settle_known(moment timestamptz) RETURNS boolean
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
    PERFORM pg_advisory_xact_lock(7406);
    PERFORM setval('projection.known_asked', moment_us) FROM projection.known_asked WHERE last_value < moment_us;
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION projection.settle_known(timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION projection.settle_known(timestamptz) TO wattledger_projector, wattledger_auditor, wattledger_tenant;
GRANT SELECT ON projection.known TO wattledger_tenant;

-- The reader sees the book's accounts and amounts anyway, and when they were recorded.
GRANT SELECT ON projection.account_line_row, projection.account_lines, projection.known TO wattledger_reader;
