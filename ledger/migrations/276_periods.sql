-- Periods of the book: in which month each entry is booked, and that nothing more is booked in one that is closed.
--
-- An entry is booked in its own period, the month of its effective time, while that is open when the entry is sealed,
-- and else in the first open one (docs/close.md). Only the latter are written down, so that the rows of the journal
-- stay as they are, and entries cost nothing while nothing is closed.

-- Where the book stands: one row. `zone` is fixed by whoever first needs to know where a month ends; until then it is
-- UTC. `first_open` begins at `open_from`; both are NULL while nothing is closed.
CREATE TABLE book.calendar (
    number smallint PRIMARY KEY DEFAULT 1 CHECK (number = 1),
    zone text COLLATE "C",
    first_open text COLLATE "C" CHECK (first_open ~ '^\d{4}-(0[1-9]|1[0-2])$'),
    open_from timestamptz,
    CHECK ((first_open IS NULL) = (open_from IS NULL)),
    CHECK (first_open IS NULL OR zone IS NOT NULL)
);
INSERT INTO book.calendar DEFAULT VALUES;

-- Each period that was closed or opened again, in the order in which that was done, with the figures that were issued,
-- byte for byte.
CREATE TABLE book.period_turn (
    number integer PRIMARY KEY CHECK (number >= 1),
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('CLOSED', 'REOPENED')),
    period text COLLATE "C" NOT NULL CHECK (period ~ '^\d{4}-(0[1-9]|1[0-2])$'),
    -- From 1 on, one more each time it is closed.
    version smallint NOT NULL CHECK (version >= 1),
    zone text COLLATE "C" NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    at timestamptz NOT NULL CHECK (at >= ends_at),
    -- The decision that did it, in the event store.
    cause uuid NOT NULL UNIQUE,
    statement_hash bytea CHECK (octet_length(statement_hash) = 32),
    issued text COLLATE "C",
    balance_sheet text COLLATE "C",
    checklist text COLLATE "C",
    tx xid8 NOT NULL DEFAULT pg_current_xact_id(),
    recorded_at timestamptz NOT NULL DEFAULT transaction_timestamp(),
    CHECK ((kind = 'CLOSED') = (issued IS NOT NULL AND balance_sheet IS NOT NULL AND checklist IS NOT NULL
                                AND statement_hash IS NOT NULL))
);

-- Entries whose own period was closed when they were sealed, and the period in which they are booked.
CREATE TABLE book.late_entry (
    entry_id uuid PRIMARY KEY,
    booked_in text COLLATE "C" NOT NULL CHECK (booked_in ~ '^\d{4}-(0[1-9]|1[0-2])$')
);
CREATE INDEX late_entry_booked_in_idx ON book.late_entry (booked_in);

-- The month of a moment in a time zone, as YYYY-MM.
CREATE FUNCTION book.month_of(moment timestamptz, zone text) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN lpad(extract(year FROM moment AT TIME ZONE zone)::text, 4, '0') || '-'
    || lpad(extract(month FROM moment AT TIME ZONE zone)::text, 2, '0');

-- Of each entry the month it is effective in, and the one it is booked in.
CREATE VIEW book.booked AS
SELECT entry.entry_id, book.month_of(entry.effective_at, coalesce(calendar.zone, 'UTC')) AS period,
       coalesce(late.booked_in, book.month_of(entry.effective_at, coalesce(calendar.zone, 'UTC'))) AS booked_in
FROM book.entry
CROSS JOIN book.calendar
LEFT JOIN book.late_entry AS late USING (entry_id);

-- Books a set of entries: those that are effective before the first open period go into that one. The row that closing
-- changes is shared to the end of the transaction, so that an entry in flight is in the figures of a close, or in the
-- period after it; a transaction that saw the book before a close cannot write after it.
CREATE FUNCTION book.book_entries() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
AS $$
DECLARE
    opened record;
BEGIN
    SELECT first_open, open_from INTO STRICT opened FROM book.calendar WHERE number = 1 FOR SHARE;
    IF opened.open_from IS NOT NULL THEN
        INSERT INTO book.late_entry (entry_id, booked_in)
        SELECT entry_id, opened.first_open FROM new_entries WHERE effective_at < opened.open_from;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER book_entries AFTER INSERT ON book.entry
    REFERENCING NEW TABLE AS new_entries
    FOR EACH STATEMENT EXECUTE FUNCTION book.book_entries();
ALTER TABLE book.entry ENABLE ALWAYS TRIGGER book_entries;

-- Refuses whoever says in which period an entry is booked: that is the database's to say, of entries that are late and
-- are being sealed.
CREATE FUNCTION book.refuse_chosen_periods() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    opened record;
    refused record;
BEGIN
    SELECT first_open, open_from INTO STRICT opened FROM book.calendar;
    SELECT late.entry_id, late.booked_in INTO refused
    FROM new_late AS late LEFT JOIN book.entry USING (entry_id)
    WHERE (late.booked_in = opened.first_open AND entry.effective_at < opened.open_from
           AND entry.tx = pg_current_xact_id()) IS NOT TRUE
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entry % cannot be booked in %: the database books an entry as it is sealed, and never in a '
            'closed period', refused.entry_id, refused.booked_in
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'late_entry_booked_in',
                  SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER refuse_chosen_periods AFTER INSERT ON book.late_entry
    REFERENCING NEW TABLE AS new_late
    FOR EACH STATEMENT EXECUTE FUNCTION book.refuse_chosen_periods();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON book.late_entry
    FOR EACH STATEMENT EXECUTE FUNCTION wattledger.refuse_change();
ALTER TABLE book.late_entry ENABLE ALWAYS TRIGGER refuse_chosen_periods;
ALTER TABLE book.late_entry ENABLE ALWAYS TRIGGER append_only;

-- Checks that a period may be closed or opened again: the first open one, or the last that was closed; and makes the
-- book stand there. Whoever closes is alone: the lock is taken in turn, so that writers without end do not hold it up.
CREATE FUNCTION book.turn_period() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    stands record;
    last_number integer;
    is_next boolean;
BEGIN
    LOCK TABLE book.calendar IN EXCLUSIVE MODE;
    SELECT zone, first_open INTO STRICT stands FROM book.calendar FOR UPDATE;
    SELECT coalesce(max(turn.number), 0) INTO last_number FROM book.period_turn AS turn;
    NEW.starts_at := (NEW.period || '-01')::timestamp AT TIME ZONE NEW.zone;
    NEW.ends_at := ((NEW.period || '-01')::timestamp + interval '1 month') AT TIME ZONE NEW.zone;
    IF NEW.kind = 'CLOSED' THEN
        is_next := stands.first_open IS NULL OR stands.first_open = NEW.period;
    ELSE
        is_next := stands.first_open = to_char((NEW.period || '-01')::timestamp + interval '1 month', 'YYYY-MM')
            AND EXISTS (SELECT FROM book.period_turn AS turn WHERE turn.period = NEW.period);
    END IF;
    IF (is_next AND NEW.number = last_number + 1 AND NEW.tx = pg_current_xact_id()
        AND NEW.zone = coalesce(stands.zone, NEW.zone)) IS NOT TRUE THEN
        RAISE EXCEPTION 'period % cannot be % now: the first open period is %', NEW.period, lower(NEW.kind),
            coalesce(stands.first_open, 'any')
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'period_turn_in_order',
                  SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER turn_period BEFORE INSERT ON book.period_turn FOR EACH ROW EXECUTE FUNCTION book.turn_period();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON book.period_turn
    FOR EACH STATEMENT EXECUTE FUNCTION wattledger.refuse_change();
ALTER TABLE book.period_turn ENABLE ALWAYS TRIGGER turn_period;
ALTER TABLE book.period_turn ENABLE ALWAYS TRIGGER append_only;

-- The book stands where the last turn of a period left it.
CREATE FUNCTION book.stand_as_turned() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NEW.kind = 'CLOSED' THEN
        UPDATE book.calendar SET zone = NEW.zone, open_from = NEW.ends_at,
            first_open = to_char((NEW.period || '-01')::timestamp + interval '1 month', 'YYYY-MM');
    ELSE
        UPDATE book.calendar SET open_from = NEW.starts_at, first_open = NEW.period;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER stand_as_turned AFTER INSERT ON book.period_turn FOR EACH ROW EXECUTE FUNCTION book.stand_as_turned();
ALTER TABLE book.period_turn ENABLE ALWAYS TRIGGER stand_as_turned;

-- Refuses to have the book stand elsewhere, and another zone than the one that was fixed.
CREATE FUNCTION book.refuse_moved_calendar() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    should record;
BEGIN
    SELECT turn.zone, CASE turn.kind WHEN 'CLOSED' THEN turn.ends_at ELSE turn.starts_at END AS open_from INTO should
    FROM book.period_turn AS turn ORDER BY turn.number DESC LIMIT 1;
    IF NEW.open_from IS DISTINCT FROM should.open_from OR NEW.zone IS DISTINCT FROM coalesce(OLD.zone, NEW.zone)
       OR NEW.first_open IS DISTINCT FROM book.month_of(NEW.open_from, NEW.zone) THEN
        RAISE EXCEPTION 'the book stands where the last close left it, in the zone that was fixed: close a period, or '
            'open the last one again'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'calendar_as_turned',
                  SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER refuse_moved_calendar BEFORE UPDATE ON book.calendar
    FOR EACH ROW EXECUTE FUNCTION book.refuse_moved_calendar();
CREATE TRIGGER one_row BEFORE INSERT OR DELETE OR TRUNCATE ON book.calendar
    FOR EACH STATEMENT EXECUTE FUNCTION wattledger.refuse_change();
ALTER TABLE book.calendar ENABLE ALWAYS TRIGGER refuse_moved_calendar;
ALTER TABLE book.calendar ENABLE ALWAYS TRIGGER one_row;

-- Fix the zone in which months end; what it is from then on.
CREATE FUNCTION book.fix_zone(wanted text) RETURNS text
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    fixed text;
BEGIN
    SELECT zone INTO STRICT fixed FROM book.calendar;
    IF fixed IS NULL THEN
        PERFORM now() AT TIME ZONE wanted;
        LOCK TABLE book.calendar IN EXCLUSIVE MODE;
        UPDATE book.calendar SET zone = wanted WHERE zone IS NULL;
        SELECT zone INTO STRICT fixed FROM book.calendar;
    END IF;
    RETURN fixed;
END
$$;

REVOKE EXECUTE ON FUNCTION book.book_entries, book.refuse_chosen_periods, book.turn_period, book.stand_as_turned,
    book.refuse_moved_calendar, book.fix_zone FROM PUBLIC;
GRANT EXECUTE ON FUNCTION book.fix_zone TO wattledger_writer;
