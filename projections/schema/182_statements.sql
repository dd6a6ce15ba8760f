-- Statements that were issued: of an operator, a currency and a month of its business dates, kept as they were issued. They
-- are made of the book as it was known at a position, and no rebuild makes them again: what was issued is a fact.

-- `sequence` counts the statements of an operator from 1 without a gap. `follows` is the statement before, whose closing is
-- the opening of this one: none, and nothing, for the first one of a currency. `restates` is the one that this one says anew.
-- Amounts in minor units, positive in the operator's favour; `content` is the document.
CREATE TABLE intake.statement (
    number text COLLATE "C" PRIMARY KEY,
    operator_id text COLLATE "C" NOT NULL,
    sequence integer NOT NULL CHECK (sequence >= 1),
    currency text COLLATE "C" NOT NULL,
    month date NOT NULL CHECK (extract(day FROM month) = 1),
    since timestamptz NOT NULL,
    until timestamptz NOT NULL CHECK (until > since),
    position bigint NOT NULL CHECK (position >= 1),
    follows text COLLATE "C" REFERENCES intake.statement,
    restates text COLLATE "C" REFERENCES intake.statement,
    opening bigint NOT NULL,
    closing bigint NOT NULL,
    issued_at timestamptz NOT NULL,
    issued_by text NOT NULL,
    content bytea NOT NULL,
    content_sha256 bytea NOT NULL CHECK (content_sha256 = sha256(content)),
    CHECK (number = operator_id || '-' || lpad(sequence::text, greatest(6, length(sequence::text)), '0')),
    UNIQUE (operator_id, sequence)
);
-- A month is issued once, and a statement said anew by one at most: whoever comes second, at once or later, is refused.
CREATE UNIQUE INDEX statement_month_key ON intake.statement (operator_id, currency, month) WHERE restates IS NULL;
CREATE UNIQUE INDEX statement_restates_key ON intake.statement (restates) WHERE restates IS NOT NULL;
CREATE INDEX statement_latest_idx ON intake.statement (operator_id, currency, month DESC, sequence DESC);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON intake.statement
    FOR EACH STATEMENT EXECUTE FUNCTION wattledger.refuse_change();
ALTER TABLE intake.statement ENABLE ALWAYS TRIGGER append_only;

-- Numbers without a gap, and openings that are the closing before.
CREATE FUNCTION intake.check_statement() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    latest integer;
    before bigint;
BEGIN
    SELECT max(sequence) INTO latest FROM intake.statement WHERE operator_id = NEW.operator_id;
    IF NEW.sequence <> coalesce(latest, 0) + 1 THEN
        RAISE EXCEPTION 'statement % does not follow the last one of its operator (%)', NEW.number, coalesce(latest, 0)
            USING ERRCODE = 'check_violation';
    END IF;
    SELECT closing INTO before FROM intake.statement
    WHERE number = NEW.follows AND operator_id = NEW.operator_id AND currency = NEW.currency AND month < NEW.month;
    IF NEW.follows IS NULL THEN
        before := 0;
    END IF;
    IF NEW.opening IS DISTINCT FROM before THEN
        RAISE EXCEPTION 'statement % opens with %, and the one before closed with %', NEW.number, NEW.opening, before
            USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.restates IS NOT NULL AND NOT EXISTS (
        SELECT FROM intake.statement
        WHERE number = NEW.restates AND (operator_id, currency, month, since, until)
                                        = (NEW.operator_id, NEW.currency, NEW.month, NEW.since, NEW.until)
    ) THEN
        RAISE EXCEPTION 'statement % says none of its own month anew', NEW.number USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER in_order BEFORE INSERT ON intake.statement FOR EACH ROW EXECUTE FUNCTION intake.check_statement();
ALTER TABLE intake.statement ENABLE ALWAYS TRIGGER in_order;

GRANT SELECT, INSERT ON intake.statement TO wattledger_projector;

-- What is shown of them, with the one that says a statement anew.
CREATE VIEW surface.statements AS
SELECT number, operator_id, sequence, currency, month, since, until, position, follows, restates,
       (SELECT newer.number FROM intake.statement AS newer WHERE newer.restates = statement.number) AS restated_by,
       opening, closing, issued_at, issued_by, content, content_sha256
FROM intake.statement
WHERE (SELECT surface.sees_all()) OR operator_id = ANY ((SELECT surface.operators())::text[]);
GRANT SELECT ON surface.statements TO wattledger_tenant;
