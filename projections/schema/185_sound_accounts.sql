-- Accounts that no bank can know, of those that were published of operators or decided about, by the message that names
-- one: accounts are shown masked, so that nobody who reads them can tell. The check digits of an IBAN are wrong (ISO 13616,
-- by ISO 7064 MOD 97-10); it is the rule of `domain/catalogue/accounts.py`, by which runs hold back what they would pay.
CREATE FUNCTION surface.is_sound_iban(iban text) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN iban IS NULL OR (
    SELECT string_agg(
               CASE WHEN letter BETWEEN '0' AND '9' THEN letter ELSE (ascii(letter) - 55)::text END, '' ORDER BY place
           )::numeric % 97 = 1
    FROM (SELECT regexp_replace(upper(iban), '[^0-9A-Z]', '', 'g') AS plain) AS written
    CROSS JOIN LATERAL regexp_split_to_table(substr(plain, 5) || left(plain, 4), '')
        WITH ORDINALITY AS each (letter, place)
);

CREATE VIEW surface.unsound_accounts AS
SELECT source, id, operator_id
FROM (
    SELECT source, id, surface.operator_of(data) AS operator_id,
           convert_from(data, 'UTF8')::jsonb #>> '{bank_account,iban}' AS iban
    FROM intake.catalogue
    WHERE type IN ('operator.registered', 'operator.changed', 'bank_account.proposed', 'bank_account.confirmed')
) AS published
WHERE NOT surface.is_sound_iban(iban)
  AND ((SELECT surface.sees_all()) OR operator_id = ANY ((SELECT surface.operators())::text[]));

GRANT SELECT ON surface.unsound_accounts TO wattledger_tenant;
