-- What the reader sees. It reads the book and those read models that name nobody. CDRs, payouts and findings name
-- drivers' tokens and operators' bank accounts: of these it sees the views of schema `masked`, and not the tables.

-- What later migrations put among the read models is hidden from the reader until they grant it.
ALTER DEFAULT PRIVILEGES IN SCHEMA projection REVOKE SELECT ON TABLES FROM wattledger_reader;
REVOKE ALL ON ALL TABLES IN SCHEMA projection FROM wattledger_reader;
REVOKE USAGE ON SCHEMA event_store, intake FROM wattledger_reader;
GRANT SELECT ON projection.generation, projection.sessions, projection.operator_balances, projection.cdr_answers,
    projection.open_items, projection.energy_entries, projection.energy_balances, projection.leakage
    TO wattledger_reader;

CREATE SCHEMA masked;
GRANT USAGE ON SCHEMA masked TO wattledger_reader, wattledger_auditor;
ALTER DEFAULT PRIVILEGES IN SCHEMA masked GRANT SELECT ON TABLES TO wattledger_reader, wattledger_auditor;

-- The functions have bodies that are read when they are made, so nobody's search_path gives them another meaning.

-- An account by what tells accounts apart (the IBAN, or `ROUTING/NUMBER`): country and the last two characters of an
-- IBAN, of a number the last two where there are six more in front of them.
CREATE FUNCTION masked.account(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN name ~ '^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$' THEN left(name, 2) || '** **** **** ..' || right(name, 2)
    WHEN name ~ '^.*/[^/]{8,}$' THEN '**** **** ..' || right(name, 2)
    WHEN name IS NOT NULL THEN '**** **** ..**'
END;

-- A token's uid or contract: the last two characters where there are six more in front of them; `#NA` names nobody.
CREATE FUNCTION masked.token(id text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN id = '#NA' THEN id WHEN length(id) >= 8 THEN '****..' || right(id, 2) WHEN id IS NOT NULL THEN '****' END;

-- The token of a CDR (OCPI CdrToken): party and type as they are.
CREATE FUNCTION masked.cdr_token(token jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN jsonb_build_object(
    'country_code', token -> 'country_code', 'party_id', token -> 'party_id', 'type', token -> 'type',
    'uid', masked.token(token ->> 'uid'), 'contract_id', masked.token(token ->> 'contract_id')
);

-- CDRs without the meter's signed records, since those name the token that was presented to it. Fields of the document
-- that are not listed here are left out.
CREATE VIEW masked.cdrs WITH (security_barrier) AS
SELECT session_id, number, credit, cdr_id, operator_id, issued_at, energy_wh,
       (
           SELECT jsonb_object_agg(
               field.key,
               CASE field.key WHEN 'cdr_token' THEN masked.cdr_token(field.value) ELSE field.value END
           )
           FROM jsonb_each(document::jsonb) AS field
           WHERE field.key = ANY (ARRAY[
               'country_code', 'party_id', 'id', 'start_date_time', 'end_date_time', 'session_id', 'cdr_token',
               'auth_method', 'cdr_location', 'meter_id', 'currency', 'tariffs', 'charging_periods', 'total_cost',
               'total_fixed_cost', 'total_energy', 'total_energy_cost', 'total_time', 'total_time_cost',
               'total_parking_time', 'total_parking_cost', 'total_reservation_cost', 'remark', 'credit',
               'credit_reference_id', 'last_updated'
           ])
       ) AS document
FROM projection.cdrs;

-- Payouts with the account that they were sent to, and without its holder and bank. Where a bank gave a reason in words
-- of its own, which may name anything, there is none.
CREATE VIEW masked.payouts WITH (security_barrier) AS
SELECT operator_id, currency, business_date, attempt, payout_id, batch_id, amount, reserve, status, status_at,
       CASE WHEN reason ~ '^[A-Z0-9]{4}$' THEN reason END AS reason, fired_at, reissue_of, country_code,
       masked.account(
           coalesce(
               bank_account ->> 'iban',
               (bank_account ->> 'routing_code') || '/' || replace(bank_account ->> 'account_number', ' ', '')
           )
       ) AS account,
       entry_ids, execution_date, time_zone, calendars, calendar_versions
FROM projection.payouts;

-- Findings without their keys, which may be accounts. Sentences about accounts have them masked; one that repeats what a
-- bank said in its own words, or the text of an error, is left out.
CREATE VIEW masked.findings WITH (security_barrier) AS
SELECT stream, kind, subject, operator_id, since, currency, amount,
       CASE
           WHEN kind IN ('PAYOUT_REASON_UNKNOWN', 'PAYOUT_WAITS_FOR_PERSON', 'RUNS_FAILED', 'UNREAD_BATCH') THEN NULL
           WHEN kind NOT IN ('BAD_ACCOUNT', 'SHARED_ACCOUNT') THEN sentence
           WHEN position(account IN sentence) > 0 THEN replace(sentence, account, masked.account(account))
       END AS sentence
FROM (
    SELECT findings.*,
           CASE kind
               WHEN 'BAD_ACCOUNT' THEN split_part(key, ':', 2)
               WHEN 'SHARED_ACCOUNT' THEN substr(key, length('shared-account:') + 1)
           END AS account
    FROM projection.findings AS findings
) AS named;

-- Who makes bank files: the accounts of payouts, the files, and nothing else. The projector makes them no more.
REVOKE INSERT, UPDATE ON intake.bank_file, intake.bank_file_payout FROM wattledger_projector;
GRANT USAGE ON SCHEMA projection, intake TO wattledger_bank;
GRANT SELECT (operator_id, currency, business_date, attempt, payout_id, amount, status, fired_at, holder_name, country_code,
              bank_account, execution_date, time_zone, calendars) ON projection.payouts TO wattledger_bank;
GRANT SELECT, INSERT (name, content), UPDATE (handed_off_at) ON intake.bank_file TO wattledger_bank;
GRANT SELECT, INSERT ON intake.bank_file_payout TO wattledger_bank;

-- Whoever made bank files of this store as a member of the projector goes on making them. A store that is made now has
-- nobody like that, whatever else its cluster has.
SELECT set_config(
    'wattledger.was_there', EXISTS (SELECT FROM wattledger.migration WHERE applied_at < transaction_timestamp())::text, true
);
RESET ROLE;
DO $members$
DECLARE
    login name;
BEGIN
    FOR login IN
        SELECT holder.rolname FROM pg_catalog.pg_auth_members AS membership
        JOIN pg_catalog.pg_roles AS holder ON holder.oid = membership.member
        WHERE current_setting('wattledger.was_there')::boolean
              AND membership.roleid = 'wattledger_projector'::regrole
              AND NOT pg_catalog.pg_has_role(holder.oid, 'wattledger_bank', 'MEMBER')
        ORDER BY holder.rolname
    LOOP
        BEGIN
            EXECUTE format('GRANT wattledger_bank TO %I', login);
        EXCEPTION
            WHEN insufficient_privilege THEN
                RAISE WARNING '% may make bank files no more; as a superuser: GRANT wattledger_bank TO %', login, login;
            WHEN duplicate_object OR unique_violation THEN
                NULL; -- A migration of another database of this cluster was faster, which is as good.
        END;
    END LOOP;
END
$members$;
