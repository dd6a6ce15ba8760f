-- What is open: findings as their streams said last, and accounts that should come to zero and have not.

CREATE TABLE projection.finding_row (
    generation integer NOT NULL,
    stream text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    since timestamptz NOT NULL,
    sentence text NOT NULL,
    currency text COLLATE "C",
    amount bigint,
    PRIMARY KEY (generation, stream, key)
);

-- Amounts in minor units, debit positive; `document` is the invoice, or the credited CDR, of a partner's account and ''
-- elsewhere. Only of these it is known here when they act: of the others the account's own history says since when.
CREATE TABLE projection.open_item_row (
    generation integer NOT NULL,
    account text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    document text COLLATE "C" NOT NULL,
    effective_at timestamptz NOT NULL,
    amount bigint NOT NULL,
    PRIMARY KEY (generation, account, currency, document, effective_at)
) WITH (fillfactor = 80);

INSERT INTO projection.generation (name, generation, live) VALUES ('findings', 1, true), ('open_items', 1, true);

CREATE VIEW projection.findings AS
SELECT stream, key, kind, subject, operator_id, since, sentence, currency, amount
FROM projection.finding_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'findings');

CREATE VIEW projection.open_items AS
SELECT account, currency, document, sum(amount)::bigint AS amount,
       min(effective_at) FILTER (WHERE isfinite(effective_at)) AS since
FROM projection.open_item_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'open_items')
GROUP BY account, currency, document
HAVING sum(amount) <> 0;
