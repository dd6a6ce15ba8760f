-- What banks answered when they were asked whether an account is that of who is to be paid: the last answer of each account.

-- What tells accounts apart, whoever holds them: the IBAN, or routing code and number without spaces.
CREATE FUNCTION surface.account_name(account jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(
    account ->> 'iban',
    upper(regexp_replace(account ->> 'routing_code', '\s', '', 'g')) || '/'
    || upper(regexp_replace(account ->> 'account_number', '\s', '', 'g'))
);

CREATE VIEW surface.payee_checks AS
SELECT operator_id, masked.account(surface.account_name(said -> 'bank_account')) AS account,
       said #>> '{bank_account,holder}' AS holder, said ->> 'result' AS result,
       said ->> 'suggested_name' AS suggested_name, said ->> 'provider' AS provider,
       (said ->> 'at')::timestamptz AS verified_at
FROM (
    SELECT DISTINCT ON (operator_id, surface.account_name(said -> 'bank_account')) operator_id, said
    FROM (
        SELECT source, id, surface.operator_of(data) AS operator_id, convert_from(data, 'UTF8')::jsonb AS said
        FROM intake.catalogue
        WHERE type = 'payee.verified'
          AND ((SELECT surface.sees_all()) OR surface.operator_of(data) = ANY ((SELECT surface.operators())::text[]))
    ) AS told
    ORDER BY operator_id, surface.account_name(said -> 'bank_account'), (said ->> 'at')::timestamptz DESC,
             source COLLATE "C" DESC, id COLLATE "C" DESC
) AS latest;

-- The same of the account that a payout is sent to.
CREATE VIEW surface.payout_payees AS
SELECT payout.operator_id, payout.payout_id, told.said ->> 'result' AS result,
       told.said ->> 'suggested_name' AS suggested_name, told.said ->> 'provider' AS provider,
       (told.said ->> 'at')::timestamptz AS verified_at
FROM projection.payouts AS payout CROSS JOIN LATERAL (
    SELECT convert_from(data, 'UTF8')::jsonb AS said
    FROM intake.catalogue
    WHERE type = 'payee.verified' AND surface.operator_of(data) = payout.operator_id
      AND surface.account_name(convert_from(data, 'UTF8')::jsonb -> 'bank_account')
          = surface.account_name(payout.bank_account)
    ORDER BY (convert_from(data, 'UTF8')::jsonb ->> 'at')::timestamptz DESC, source COLLATE "C" DESC,
             id COLLATE "C" DESC
    LIMIT 1
) AS told
WHERE (SELECT surface.sees_all()) OR payout.operator_id = ANY ((SELECT surface.operators())::text[]);

GRANT SELECT ON surface.payee_checks, surface.payout_payees TO wattledger_tenant;

-- Whatever is published or decided with an account is shown with that account masked.
CREATE OR REPLACE VIEW surface.catalogue AS
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
        WHEN starts_with(type, 'operator.') OR type IN ('bank_account.proposed', 'bank_account.confirmed', 'payee.verified')
        THEN masked.account(
            coalesce(
                convert_from(data, 'UTF8')::jsonb #>> '{bank_account,iban}',
                (convert_from(data, 'UTF8')::jsonb #>> '{bank_account,routing_code}') || '/'
                || replace(convert_from(data, 'UTF8')::jsonb #>> '{bank_account,account_number}', ' ', '')
            )
        )
    END
) AS masking (account)
WHERE (SELECT surface.sees_all()) OR surface.operator_of(data) = ANY ((SELECT surface.operators())::text[]);
