-- Balances as of any moment: what was posted to an account by effective time, in buckets that are as fine as needed.
--
-- A bucket holds the sums of what is effective within one span of time of one account, currency and writer, and lists
-- the movements themselves while they are few. One that would list more is split: from then on it keeps the sums
-- only, and all its movements are in buckets of the next finer span. The row of book.balance is the bucket of all
-- time; under it come months, days, hours, minutes, seconds (all UTC) and single moments. So every movement is listed
-- once or is in one bucket of a single moment, and is in the sums of all buckets above that. Nothing here depends on
-- the order in which entries come. All of it is derived from entries and postings and is recomputed by the audit.

-- The rows of all writers become one each: which writer's row a posting was added to is not known any more.
ALTER TABLE book.balance RENAME TO balance_by_writer;
ALTER TABLE book.balance_by_writer DROP CONSTRAINT balance_pkey;

-- Debits and credits of each account so far, both positive, in parts: each writer adds to a shard of its own, so
-- that no account is one row which all wait for.
CREATE TABLE book.balance (
    account text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    shard smallint NOT NULL CHECK (shard BETWEEN 0 AND 255),
    debits bigint NOT NULL CHECK (debits >= 0),
    credits bigint NOT NULL CHECK (credits >= 0),
    split boolean NOT NULL DEFAULT false,
    -- The movements listed here, each as {effective time in microseconds since 1970 UTC, amount, debit positive}.
    listed bigint[][] NOT NULL DEFAULT '{}',
    PRIMARY KEY (account, currency, shard)
) WITH (fillfactor = 80);

-- The buckets below. Levels: 1 month, 2 day, 3 hour, 4 minute, 5 second, 6 a single moment.
CREATE TABLE book.balance_history (
    account text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    start timestamptz NOT NULL CHECK (isfinite(start)),
    level smallint NOT NULL CHECK (level BETWEEN 1 AND 6),
    shard smallint NOT NULL CHECK (shard BETWEEN 0 AND 255),
    debits bigint NOT NULL CHECK (debits >= 0),
    credits bigint NOT NULL CHECK (credits >= 0),
    split boolean NOT NULL DEFAULT false,
    listed bigint[][] NOT NULL DEFAULT '{}',
    PRIMARY KEY (account, currency, level, start, shard),
    CONSTRAINT balance_history_start CHECK (
        start AT TIME ZONE 'UTC' = date_trunc(
            (ARRAY['month', 'day', 'hour', 'minute', 'second', 'microseconds'])[level], start AT TIME ZONE 'UTC'
        )
    )
) WITH (fillfactor = 70);

INSERT INTO book.balance (account, currency, shard, debits, credits)
SELECT account, currency, 0, sum(debits), sum(credits)
FROM book.balance_by_writer
GROUP BY account, currency;
DROP TABLE book.balance_by_writer;

-- What was posted before is put where a writer would have put it: at the first level where a bucket lists all it has.
WITH movement AS (
    SELECT account, posting.currency, amount_minor, (extract(epoch FROM effective_at) * 1000000)::bigint AS moment_us,
           date_trunc('month', effective_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS month,
           date_trunc('day', effective_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS day,
           date_trunc('hour', effective_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS hour,
           date_trunc('minute', effective_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS minute,
           date_trunc('second', effective_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' AS second,
           effective_at AS moment
    FROM book.posting
    JOIN book.entry USING (entry_id)
), counted AS (
    SELECT *, count(*) OVER (PARTITION BY account, currency) > 100 AS many_in_all,
           count(*) OVER (PARTITION BY account, currency, month) > 100 AS many_in_month,
           count(*) OVER (PARTITION BY account, currency, month, day) > 100 AS many_in_day,
           count(*) OVER (PARTITION BY account, currency, month, day, hour) > 100 AS many_in_hour,
           count(*) OVER (PARTITION BY account, currency, month, day, hour, minute) > 100 AS many_in_minute,
           count(*) OVER (PARTITION BY account, currency, month, day, hour, minute, second) > 100 AS many_in_second
    FROM movement
), placed AS MATERIALIZED (
    SELECT *, many_in_all::int + many_in_month::int + many_in_day::int + many_in_hour::int + many_in_minute::int
              + many_in_second::int AS listed_at
    FROM counted
), at_the_top AS (
    UPDATE book.balance
    SET split = top.split, listed = top.listed
    FROM (
        SELECT account, currency, bool_or(listed_at > 0) AS split,
               coalesce(array_agg(ARRAY[moment_us, amount_minor]) FILTER (WHERE listed_at = 0), '{}') AS listed
        FROM placed
        GROUP BY account, currency
    ) AS top
    WHERE balance.account = top.account AND balance.currency = top.currency
)
INSERT INTO book.balance_history (account, currency, level, start, shard, debits, credits, split, listed)
SELECT account, currency, bucket.level, bucket.start, 0,
       coalesce(sum(amount_minor) FILTER (WHERE amount_minor > 0), 0),
       coalesce(-sum(amount_minor) FILTER (WHERE amount_minor < 0), 0),
       bool_or(listed_at > bucket.level OR bucket.level = 6),
       coalesce(array_agg(ARRAY[moment_us, amount_minor]) FILTER (WHERE listed_at = bucket.level AND level < 6), '{}')
FROM placed
CROSS JOIN LATERAL (
    VALUES (1, month), (2, day), (3, hour), (4, minute), (5, second), (6, moment)
) AS bucket (level, start)
WHERE listed_at >= bucket.level
GROUP BY account, currency, bucket.level, bucket.start;

-- What was posted to an account with an effective time up to and including a moment: the buckets that end before it,
-- each as coarse as can be, and of those around it what they list up to it. Reads a few hundred rows by their key,
-- however long the history is. The plan must not depend on what the session knew of the tables when it was made.
CREATE FUNCTION book.balance_at(
    of_account text, of_currency text, at timestamptz, OUT debits bigint, OUT credits bigint
)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET jit = off
AS $$
DECLARE
    utc timestamp NOT NULL := at AT TIME ZONE 'UTC';
    at_us bigint NOT NULL := extract(epoch FROM at) * 1000000;
    month timestamptz NOT NULL := date_trunc('month', utc) AT TIME ZONE 'UTC';
    day timestamptz NOT NULL := date_trunc('day', utc) AT TIME ZONE 'UTC';
    hour timestamptz NOT NULL := date_trunc('hour', utc) AT TIME ZONE 'UTC';
    minute timestamptz NOT NULL := date_trunc('minute', utc) AT TIME ZONE 'UTC';
    second timestamptz NOT NULL := date_trunc('second', utc) AT TIME ZONE 'UTC';
BEGIN
    -- One range of the key a level: what ended before the moment, and last the bucket that the moment is in.
    SELECT coalesce(sum(CASE WHEN kept.has_ended THEN kept.debits ELSE listed.debits END), 0),
           coalesce(sum(CASE WHEN kept.has_ended THEN kept.credits ELSE listed.credits END), 0)
    INTO balance_at.debits, balance_at.credits
    FROM (
        SELECT false AS has_ended, balance.debits, balance.credits, balance.listed FROM book.balance
        WHERE account = of_account AND currency = of_currency
        UNION ALL
        SELECT start < month, history.debits, history.credits, history.listed FROM book.balance_history AS history
        WHERE account = of_account AND currency = of_currency AND level = 1 AND start <= month
        UNION ALL
        SELECT start < day, history.debits, history.credits, history.listed FROM book.balance_history AS history
        WHERE account = of_account AND currency = of_currency AND level = 2 AND start >= month AND start <= day
        UNION ALL
        SELECT start < hour, history.debits, history.credits, history.listed FROM book.balance_history AS history
        WHERE account = of_account AND currency = of_currency AND level = 3 AND start >= day AND start <= hour
        UNION ALL
        SELECT start < minute, history.debits, history.credits, history.listed FROM book.balance_history AS history
        WHERE account = of_account AND currency = of_currency AND level = 4 AND start >= hour AND start <= minute
        UNION ALL
        SELECT start < second, history.debits, history.credits, history.listed FROM book.balance_history AS history
        WHERE account = of_account AND currency = of_currency AND level = 5 AND start >= minute AND start <= second
        UNION ALL
        SELECT true, history.debits, history.credits, '{}' FROM book.balance_history AS history
        WHERE account = of_account AND currency = of_currency AND level = 6 AND start >= second AND start <= at
    ) AS kept (has_ended, debits, credits, listed)
    LEFT JOIN LATERAL (
        SELECT sum(greatest(kept.listed[number][2], 0)) AS debits, sum(greatest(-kept.listed[number][2], 0)) AS credits
        FROM generate_subscripts(kept.listed, 1) AS number
        WHERE NOT kept.has_ended AND kept.listed[number][1] <= at_us
    ) AS listed ON true;
END
$$;

-- Nobody but the roles of the ledger calls it.
REVOKE EXECUTE ON FUNCTION book.balance_at FROM PUBLIC;
GRANT EXECUTE ON FUNCTION book.balance_at
    TO wattledger_writer, wattledger_projector, wattledger_reader, wattledger_auditor;
GRANT INSERT, UPDATE (debits, credits, split, listed) ON book.balance, book.balance_history
    TO wattledger_writer;

-- A writer of the version before, which knows of no history, is refused from here on instead of leaving it behind.
ALTER TABLE book.balance ALTER COLUMN split DROP DEFAULT, ALTER COLUMN listed DROP DEFAULT;
ALTER TABLE book.balance_history ALTER COLUMN split DROP DEFAULT, ALTER COLUMN listed DROP DEFAULT;
