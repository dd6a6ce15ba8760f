-- What tenants see of the read models: rows of their own operators, by policies that the database adds to whatever is asked.
-- A view acts as its owner, whom no policy concerns, unless it is made to act as who asks; who asks then needs a right to
-- the tables behind it.

CALL surface.keep_apart('projection.session_row');
CALL surface.keep_apart('projection.operator_balance_row');
CALL surface.keep_apart('projection.cdr_row');
CALL surface.keep_apart('projection.payout_row');
CALL surface.keep_apart('projection.finding_row');
CALL surface.keep_apart('projection.account_line_row');

-- CDRs. The view in schema projection goes on acting as its owner, since others that mask it or add it up are made of it; it
-- is no tenant's.
CREATE VIEW surface.cdrs WITH (security_invoker) AS
SELECT session_id, number, credit, cdr_id, operator_id, issued_at, document, energy_wh
FROM projection.cdr_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'cdrs');

-- What a partner answered is whose CDR it is about.
ALTER TABLE projection.cdr_answer_row ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_all ON projection.cdr_answer_row TO wattledger_writer, wattledger_projector, wattledger_bank,
    wattledger_reader, wattledger_auditor USING (true) WITH CHECK (true);
CREATE POLICY of_tenants ON projection.cdr_answer_row FOR SELECT TO wattledger_tenant
    USING (EXISTS (SELECT FROM surface.cdrs AS cdr WHERE cdr.cdr_id = cdr_answer_row.cdr_id));

ALTER VIEW projection.sessions SET (security_invoker);
ALTER VIEW projection.operator_balances SET (security_invoker);
ALTER VIEW projection.cdr_answers SET (security_invoker);
GRANT SELECT ON projection.session_row, projection.operator_balance_row, projection.cdr_answer_row TO wattledger_reader;

GRANT USAGE ON SCHEMA projection TO wattledger_tenant;
GRANT SELECT ON projection.generation, projection.known, projection.session_row, projection.sessions,
    projection.operator_balance_row, projection.operator_balances, projection.cdr_row, projection.cdr_answer_row,
    projection.cdr_answers, projection.account_line_row, projection.account_lines
    TO wattledger_tenant;
GRANT EXECUTE ON FUNCTION projection.settle_known(timestamptz) TO wattledger_tenant;

-- By when the store had come to a position.
CREATE VIEW surface.known AS SELECT position, known_at FROM projection.known;

-- Payouts with the account that they are sent to, masked, and its holder. They are columns of their own, since who asks has to have a right to
-- all columns behind a view that acts as who asks; the view of all that is known of payouts is no tenant's either.
ALTER TABLE projection.payout_row ADD COLUMN masked_account text COLLATE "C" GENERATED ALWAYS AS (
    masked.account(
        coalesce(
            bank_account ->> 'iban',
            (bank_account ->> 'routing_code') || '/' || replace(bank_account ->> 'account_number', ' ', '')
        )
    )
) STORED, ADD COLUMN payee text GENERATED ALWAYS AS (coalesce(bank_account ->> 'holder', holder_name)) STORED;
CREATE VIEW surface.payouts WITH (security_invoker) AS
SELECT operator_id, currency, business_date, attempt, payout_id, batch_id, amount, reserve, status, status_at, reason,
       fired_at, reissue_of, country_code, masked_account AS account, entry_ids, execution_date, time_zone, calendars,
       calendar_versions, payee
FROM projection.payout_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'payouts');
GRANT SELECT (generation, operator_id, currency, business_date, attempt, payout_id, batch_id, amount, reserve, status, status_at,
              reason, fired_at, reissue_of, country_code, masked_account, entry_ids, execution_date, time_zone, calendars,
              calendar_versions, payee) ON projection.payout_row TO wattledger_tenant;

-- Whom a message of the catalogue is of: the `operator_id` of its data.
CREATE FUNCTION surface.operator_of(data bytea) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN convert_from(data, 'UTF8')::jsonb ->> 'operator_id';
CREATE INDEX catalogue_of_operator_idx ON intake.catalogue (surface.operator_of(data), type, seq);

-- What was published of operators, their tariffs and their locations, in the order of arrival. In place of the account that
-- an operator is paid to stands `{"iban": MASKED}`, and beside it `account`.
CREATE VIEW surface.catalogue AS
SELECT seq, type, source, id, event_time, surface.operator_of(data) AS operator_id,
       CASE
           WHEN account IS NULL THEN data
           ELSE convert_to(
               (convert_from(data, 'UTF8')::jsonb || jsonb_build_object('bank_account', jsonb_build_object('iban', account)))::text,
               'UTF8'
           )
       END AS data,
       account
FROM intake.catalogue
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN starts_with(type, 'operator.') THEN masked.account(
            coalesce(
                convert_from(data, 'UTF8')::jsonb #>> '{bank_account,iban}',
                (convert_from(data, 'UTF8')::jsonb #>> '{bank_account,routing_code}') || '/'
                || replace(convert_from(data, 'UTF8')::jsonb #>> '{bank_account,account_number}', ' ', '')
            )
        )
    END
) AS masking (account)
WHERE (SELECT surface.sees_all()) OR surface.operator_of(data) = ANY ((SELECT surface.operators())::text[]);

-- What is stored of a payout that was made, with the account that it is sent to masked.
CREATE FUNCTION surface.with_masked_account(state bytea) RETURNS bytea
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
    SELECT convert_to(
        (made || jsonb_build_object('bank_account', jsonb_build_object('iban', masked.account(
            coalesce(
                made #>> '{bank_account,iban}',
                (made #>> '{bank_account,routing_code}') || '/' || replace(made #>> '{bank_account,account_number}', ' ', '')
            )
        ))))::text, 'UTF8'
    )
    FROM (SELECT convert_from(state, 'UTF8')::jsonb) AS stored (made)
);

GRANT SELECT ON surface.known, surface.cdrs, surface.payouts, surface.catalogue TO wattledger_tenant;
