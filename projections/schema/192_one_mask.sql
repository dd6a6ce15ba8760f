-- Accounts are masked by one rule, however they are written: small letters and spaces make no other account of one. Of a
-- national number the last two characters are shown too, so that who approves can tell two accounts apart, where more than
-- two stay hidden.
CREATE OR REPLACE FUNCTION masked.account(name text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE
    WHEN regexp_replace(upper(name), '\s', '', 'g') ~ '^[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}$'
        THEN left(regexp_replace(upper(name), '\s', '', 'g'), 2) || '** **** **** ..'
             || right(regexp_replace(upper(name), '\s', '', 'g'), 2)
    WHEN regexp_replace(upper(name), '\s', '', 'g') ~ '^.*/[^/]{5,}$'
        THEN '**** **** ..' || right(regexp_replace(upper(name), '\s', '', 'g'), 2)
    WHEN name IS NOT NULL THEN '**** **** ..**'
END;

-- What is stored by the rule before is made anew: setting the account has the column computed that follows from it.
UPDATE projection.payout_row SET bank_account = bank_account
WHERE masked_account IS DISTINCT FROM masked.account(
    coalesce(
        bank_account ->> 'iban',
        (bank_account ->> 'routing_code') || '/' || replace(bank_account ->> 'account_number', ' ', '')
    )
);
