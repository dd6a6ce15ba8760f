-- What is shown outside, over HTTP, to whom. A tenant is an operator's user: it sees the rows of its operators, which are
-- named to the database at the start of each transaction. The book, the event store and the intake are written by COPY,
-- which PostgreSQL refuses under row-level security; so a tenant has no right to them, and to the views of this schema
-- instead. They say for themselves what a tenant sees, and show all to who may see all.
--
-- They have no security barrier: with one, neither joins nor LIMIT would reach the indexes of the tables. OFFSET 0 keeps the
-- planner from reading a whole table at once in place of a look-up a row.

CREATE SCHEMA surface;
GRANT USAGE ON SCHEMA surface TO wattledger_auditor, wattledger_tenant;
ALTER DEFAULT PRIVILEGES IN SCHEMA surface GRANT SELECT ON TABLES TO wattledger_auditor;

-- The operators whose rows this transaction sees as a tenant, by the setting `wattledger.operators`: their ids, one a line,
-- since an id may hold any other printable character. None, so that nothing equals it, where it is not set.
CREATE FUNCTION surface.operators() RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE
RETURN array_remove(string_to_array(current_setting('wattledger.operators', true), E'\n'), '');

-- Whether the role that asks may see the rows of all operators.
CREATE FUNCTION surface.sees_all() RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
RETURN pg_has_role(current_user, 'wattledger_auditor', 'USAGE');

-- Keeps the rows of a table with a column operator_id apart: who reads as a tenant sees those of its operators, the other
-- roles of the ledger all that they have a right to. For migrations that make such a table.
CREATE PROCEDURE surface.keep_apart(relation regclass)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', relation);
    EXECUTE format(
        'CREATE POLICY of_all ON %s TO wattledger_writer, wattledger_projector, wattledger_bank, wattledger_reader, '
        'wattledger_auditor USING (true) WITH CHECK (true)', relation);
    EXECUTE format(
        'CREATE POLICY of_tenants ON %s FOR SELECT TO wattledger_tenant '
        'USING (operator_id = ANY ((SELECT surface.operators())::text[]))', relation);
END
$$;
REVOKE ALL ON PROCEDURE surface.keep_apart FROM PUBLIC;

-- Lines of the book. A tenant sees those on what its operators are owed (2010, 2011), on what is kept of it (2020, 2030,
-- 2060), and on payouts of theirs that are on their way (2050).
CREATE VIEW surface.postings AS
SELECT entry_id, line, account, currency, amount_minor
FROM book.posting
WHERE (SELECT surface.sees_all())
   OR (
       left(account, 5) IN ('2010/', '2011/', '2020/', '2030/', '2060/')
       AND substr(account, 6) = ANY ((SELECT surface.operators())::text[])
   )
   OR (
       left(account, 5) = '2050/'
       AND EXISTS (
           SELECT FROM intake.open_payout AS payout
           WHERE payout.payout_id = substr(account, 6)
                 AND payout.operator_id = ANY ((SELECT surface.operators())::text[])
           OFFSET 0
       )
   );

-- Entries of the book. A tenant sees those of which it sees a line.
CREATE VIEW surface.entries AS
SELECT entry_id, kind, effective_at, recorded_at, currency, posting_count, session_id, payout_id, reverses, cause, period
FROM book.entry
WHERE (SELECT surface.sees_all())
   OR EXISTS (SELECT FROM surface.postings WHERE postings.entry_id = entry.entry_id OFFSET 0);

-- The lines that payouts pay.
CREATE VIEW surface.payable_lines AS
SELECT entry_id, stream_id, share, operator_id, currency, amount, released_at, available_on, reserve_release, payout_id,
       takes_back
FROM intake.line
WHERE (SELECT surface.sees_all()) OR operator_id = ANY ((SELECT surface.operators())::text[]);

-- The last business date of each operator that was closed by a run.
CREATE VIEW surface.runs AS
SELECT operator_id, closed_through, fired_at, recorded_at
FROM intake.run
WHERE (SELECT surface.sees_all()) OR operator_id = ANY ((SELECT surface.operators())::text[]);

GRANT SELECT ON surface.postings, surface.entries, surface.payable_lines, surface.runs TO wattledger_tenant;
