-- Sums of account lines by day, or by hour where accounts are the platform's own: what is whole within a day need not be
-- added up line by line. Accounts of one session (1105), payment (2080) or payout (2050) have few lines, and none of these.

-- What is effective in [since, until), in minor units, both positive; `first_position` and `last_position` are those of the
-- first and the last line by position, so that a question about an earlier position knows whether the sums answer it.
CREATE TABLE projection.account_day_row (
    generation integer NOT NULL,
    account text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    first_position bigint NOT NULL,
    last_position bigint NOT NULL,
    debits bigint NOT NULL,
    credits bigint NOT NULL,
    operator_id text COLLATE "C",
    PRIMARY KEY (generation, account, currency, since)
) WITH (fillfactor = 70);

CREATE VIEW projection.account_days WITH (security_invoker) AS
SELECT account, currency, since, until, first_position, last_position, debits, credits, operator_id
FROM projection.account_day_row
WHERE generation = (
    SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'account_lines'
);

-- What has lines already.
INSERT INTO projection.account_day_row (generation, account, currency, since, until, first_position, last_position, debits,
                                        credits, operator_id)
SELECT generation, account, currency, since,
       since + CASE WHEN left(account, 1) = '2' THEN interval '24 hours' ELSE interval '1 hour' END, min(position), max(position), coalesce(sum(amount) FILTER (WHERE amount > 0), 0),
       coalesce(-sum(amount) FILTER (WHERE amount < 0), 0), min(operator_id)
FROM projection.account_line_row
CROSS JOIN LATERAL (
    SELECT date_trunc(CASE WHEN left(account, 1) = '2' THEN 'day' ELSE 'hour' END, effective_at, 'UTC') AS since
) AS span
WHERE left(account, 5) NOT IN ('1105/', '2080/', '2050/')
GROUP BY generation, account, currency, since;

CALL surface.keep_apart('projection.account_day_row');
GRANT SELECT ON projection.account_day_row, projection.account_days TO wattledger_reader, wattledger_tenant;
