-- What was published of operators, as it is shown outside: their terms without the bank account, and the account masked.

-- Whom a message is about. The messages are UTF-8 and so is the database, hence it is a function of the bytes alone.
CREATE OR REPLACE FUNCTION surface.operator_of(data bytea) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$ BEGIN RETURN convert_from(data, 'UTF8')::jsonb ->> 'operator_id'; END $$;

CREATE INDEX catalogue_operator_terms_idx ON intake.catalogue (surface.operator_of(data), seq)
    WHERE type IN ('operator.registered', 'operator.changed');

CREATE VIEW surface.operator_terms AS
SELECT seq, type, source, id, event_time, operator_id, terms - 'bank_account' AS terms,
       jsonb_build_object(
           'holder', terms #>> '{bank_account,holder}',
           'account', masked.account(
               coalesce(
                   replace(upper(terms #>> '{bank_account,iban}'), ' ', ''),
                   (terms #>> '{bank_account,routing_code}') || '/'
                   || replace(terms #>> '{bank_account,account_number}', ' ', '')
               )
           )
       ) AS bank_account
FROM (
    SELECT seq, type, source, id, event_time, convert_from(data, 'UTF8')::jsonb AS terms,
           surface.operator_of(data) AS operator_id
    FROM intake.catalogue
    WHERE type IN ('operator.registered', 'operator.changed')
) AS published
WHERE (SELECT surface.sees_all()) OR operator_id = ANY ((SELECT surface.operators())::text[]);

GRANT SELECT ON surface.operator_terms TO wattledger_tenant;

-- How far the read models are, which every read says.
GRANT USAGE ON SCHEMA projection TO wattledger_tenant;
GRANT SELECT ON projection.generation TO wattledger_tenant;
