-- Affairs of the book as the clock finds them: each period, sweep and VAT return of which people decided something.
-- `due_at` is the time of the decision that is judged next. A sweep that is approved and not carried out has what it
-- reserves; a VAT return that was filed its jurisdiction and its months.
CREATE TABLE intake.affair (
    stream_id uuid PRIMARY KEY,
    name text COLLATE "C" NOT NULL,
    due_at timestamptz,
    currency text COLLATE "C",
    reserved bigint,
    jurisdiction text COLLATE "C",
    filed_from text COLLATE "C",
    filed_to text COLLATE "C"
) WITH (fillfactor = 80);
CREATE INDEX affair_due_idx ON intake.affair (due_at) WHERE due_at IS NOT NULL;
GRANT INSERT ON intake.affair TO wattledger_writer;
GRANT UPDATE (due_at, currency, reserved, jurisdiction, filed_from, filed_to) ON intake.affair TO wattledger_writer;

-- Who closes writes what is issued; in which order, and from when to when, is the database's to say.
GRANT INSERT (number, kind, period, version, zone, at, cause, statement_hash, issued, balance_sheet, checklist)
    ON book.period_turn TO wattledger_writer;

-- What was paid of VAT returns, which counts as no VAT of a period.
CREATE INDEX entry_vat_paid_idx ON book.entry (effective_at) WHERE kind = 'J58';

-- Have nobody book anything until this transaction ends: what is added up meanwhile is what will be issued.
CREATE FUNCTION book.hold_calendar() RETURNS void
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    LOCK TABLE book.calendar IN EXCLUSIVE MODE;
    PERFORM FROM book.calendar WHERE number = 1 FOR UPDATE;
END
$$;
REVOKE EXECUTE ON FUNCTION book.hold_calendar FROM PUBLIC;
GRANT EXECUTE ON FUNCTION book.hold_calendar TO wattledger_writer;

-- Whether the book was verified is on the checklist of a close.
GRANT SELECT ON wattledger.verification TO wattledger_writer;
