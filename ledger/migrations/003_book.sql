-- The book: entries and their postings, guarded so that it balances whoever writes to it.
--
-- Postings are inserted first, then the entry row seals them: from then on no line can join. An entry states how
-- many postings it has (2 to 64) and must have exactly those, numbered from 1, in its currency, with a zero sum.

CREATE TABLE book.entry (
    entry_id uuid PRIMARY KEY,
    kind text COLLATE "C" NOT NULL CHECK (octet_length(kind) BETWEEN 1 AND 16),
    effective_at timestamptz NOT NULL CHECK (isfinite(effective_at)),
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    currency text COLLATE "C" NOT NULL CHECK (octet_length(currency) BETWEEN 2 AND 8),
    posting_count smallint NOT NULL CHECK (posting_count BETWEEN 2 AND 64),
    hash_version smallint NOT NULL CHECK (hash_version >= 1),
    session_id text COLLATE "C" CHECK (octet_length(session_id) BETWEEN 1 AND 64),
    payout_id text COLLATE "C" CHECK (octet_length(payout_id) BETWEEN 1 AND 64),
    reverses uuid REFERENCES book.entry (entry_id) CHECK (reverses <> entry_id),
    cause uuid NOT NULL,
    -- SHA-256 over the canonical bytes of the entry, in the form that hash_version names.
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    period text COLLATE "C" NOT NULL GENERATED ALWAYS AS (
        lpad(extract(year FROM effective_at AT TIME ZONE 'UTC')::text, 4, '0') || '-'
        || lpad(extract(month FROM effective_at AT TIME ZONE 'UTC')::text, 2, '0')
    ) STORED,
    -- The transaction that wrote the entry. The writer may not set it, so lines of another transaction cannot
    -- refer to it, not even while both are open and neither sees the other.
    tx xid8 NOT NULL DEFAULT pg_current_xact_id(),
    CONSTRAINT entry_tx_key UNIQUE (entry_id, tx)
);
-- An entry is reversed once.
CREATE UNIQUE INDEX entry_reverses_key ON book.entry (reverses) WHERE reverses IS NOT NULL;
-- The order of the journal.
CREATE INDEX entry_effective_at_idx ON book.entry (effective_at, entry_id);

CREATE TABLE book.posting (
    entry_id uuid NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor <> 0),
    tx xid8 NOT NULL DEFAULT pg_current_xact_id(),
    line smallint NOT NULL CHECK (line BETWEEN 1 AND 64),
    currency text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL CHECK (octet_length(account) BETWEEN 1 AND 300 AND account !~ '[^ -~]'),
    PRIMARY KEY (entry_id, line),
    -- A line without an entry of the same transaction is refused, at the latest when that commits.
    CONSTRAINT posting_entry_fkey FOREIGN KEY (entry_id, tx) REFERENCES book.entry (entry_id, tx)
        DEFERRABLE INITIALLY DEFERRED
);

-- Debits and credits of each account so far, both positive, in parts: each writer adds to a shard of its own, so
-- that no account is one row which all wait for. Derived from the postings, hence the one table here that changes.
CREATE TABLE book.balance (
    account text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    shard smallint NOT NULL CHECK (shard BETWEEN 0 AND 255),
    debits bigint NOT NULL CHECK (debits >= 0),
    credits bigint NOT NULL CHECK (credits >= 0),
    PRIMARY KEY (account, currency, shard)
) WITH (fillfactor = 80);

-- Refuses a set of lines when one of them belongs to an entry that is sealed, or claims another transaction.
-- The plan is kept for the whole session and may have been made while the book was small: it must use the keys.
CREATE FUNCTION book.refuse_lines_of_sealed_entries() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    refused uuid;
BEGIN
    SELECT line_of.entry_id INTO refused
    FROM (SELECT DISTINCT entry_id FROM new_lines) AS line_of
    JOIN book.entry USING (entry_id)
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entry % is sealed: no line can be added to it', refused
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'posting_entry_sealed',
                  SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
    END IF;
    PERFORM FROM new_lines WHERE tx <> pg_current_xact_id();
    IF FOUND THEN
        RAISE EXCEPTION 'postings claim another transaction than their own'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'posting_own_transaction',
                  SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END
$$;

-- Refuses a set of entries unless each has the lines that it states, all in its currency and with a zero sum.
CREATE FUNCTION book.seal_entries() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    refused record;
BEGIN
    SELECT sealed.entry_id, sealed.posting_count, sealed.currency, found.lines, found.total INTO refused
    FROM new_entries AS sealed
    CROSS JOIN LATERAL (
        SELECT count(*) AS lines, max(line) AS last_line, sum(amount_minor) AS total,
               bool_and(posting.currency = sealed.currency) AS same_currency
        FROM book.posting
        WHERE posting.entry_id = sealed.entry_id
    ) AS found
    WHERE (found.lines = sealed.posting_count
           AND found.last_line = sealed.posting_count
           AND found.total = 0
           AND found.same_currency
           AND sealed.tx = pg_current_xact_id()) IS NOT TRUE
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'entry % is not balanced: it states % postings in % and has % with the sum %',
            refused.entry_id, refused.posting_count, refused.currency, refused.lines, coalesce(refused.total, 0)
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'entry_balanced',
                  SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER refuse_lines_of_sealed_entries AFTER INSERT ON book.posting
    REFERENCING NEW TABLE AS new_lines
    FOR EACH STATEMENT EXECUTE FUNCTION book.refuse_lines_of_sealed_entries();
CREATE TRIGGER seal_entries AFTER INSERT ON book.entry
    REFERENCING NEW TABLE AS new_entries
    FOR EACH STATEMENT EXECUTE FUNCTION book.seal_entries();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON book.posting
    FOR EACH STATEMENT EXECUTE FUNCTION wattledger.refuse_change();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON book.entry
    FOR EACH STATEMENT EXECUTE FUNCTION wattledger.refuse_change();

-- ENABLE ALWAYS: they also fire in a session that has set session_replication_role to replica.
ALTER TABLE book.posting ENABLE ALWAYS TRIGGER refuse_lines_of_sealed_entries;
ALTER TABLE book.posting ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE book.entry ENABLE ALWAYS TRIGGER seal_entries;
ALTER TABLE book.entry ENABLE ALWAYS TRIGGER append_only;

GRANT INSERT (entry_id, kind, effective_at, currency, posting_count, hash_version, session_id, payout_id, reverses,
              cause, hash) ON book.entry TO wattledger_writer;
GRANT INSERT (entry_id, line, account, currency, amount_minor) ON book.posting TO wattledger_writer;
GRANT INSERT, UPDATE (debits, credits) ON book.balance TO wattledger_writer;

-- The foreign key's own triggers are made ENABLE ALWAYS too, which only a superuser may do. Without it a superuser
-- in replica mode could leave lines without an entry; the integrity check would find them.
RESET ROLE;
DO $harden$
DECLARE
    foreign_key_trigger record;
BEGIN
    IF NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
        RETURN;
    END IF;
    FOR foreign_key_trigger IN
        SELECT trigger.tgrelid::regclass AS table_name, trigger.tgname
        FROM pg_catalog.pg_trigger AS trigger
        JOIN pg_catalog.pg_constraint AS key ON key.oid = trigger.tgconstraint
        WHERE trigger.tgisinternal AND key.contype = 'f'
          AND key.conrelid IN ('book.posting'::regclass, 'book.entry'::regclass)
    LOOP
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I',
                       foreign_key_trigger.table_name, foreign_key_trigger.tgname);
    END LOOP;
END
$harden$;
