-- Which bank account of an operator is in effect follows from what was published and what two people decided of it.

-- Every account that was published of an operator or decided about: `account_number` and `person_number` tell accounts
-- and people of one operator apart without naming them; `said_at` is null where a version says it.
CREATE VIEW surface.account_steps AS
SELECT seq, type, source, id, operator_id, (said ->> 'at')::timestamptz AS said_at,
       dense_rank() OVER (
           PARTITION BY operator_id ORDER BY jsonb_strip_nulls(said -> 'bank_account')
       )::int AS account_number,
       dense_rank() OVER (PARTITION BY operator_id ORDER BY lower(said ->> 'by'))::int AS person_number,
       said ->> 'by' IS NOT NULL AS is_told_by,
       jsonb_build_object(
           'holder', said #>> '{bank_account,holder}',
           'account', masked.account(
               coalesce(
                   replace(upper(said #>> '{bank_account,iban}'), ' ', ''),
                   (said #>> '{bank_account,routing_code}') || '/'
                   || replace(said #>> '{bank_account,account_number}', ' ', '')
               )
           )
       ) AS bank_account
FROM (
    SELECT seq, type, source, id, convert_from(data, 'UTF8')::jsonb AS said, surface.operator_of(data) AS operator_id
    FROM intake.catalogue
    WHERE type IN ('operator.registered', 'operator.changed', 'bank_account.proposed', 'bank_account.confirmed')
) AS published
WHERE (SELECT surface.sees_all()) OR operator_id = ANY ((SELECT surface.operators())::text[]);

GRANT SELECT ON surface.account_steps TO wattledger_tenant;
