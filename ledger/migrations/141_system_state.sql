-- What is asked often of a running system, so that answering counts nothing that grows.

-- Since when a row waits to be sent.
ALTER TABLE intake.outbox ADD COLUMN queued_at timestamptz NOT NULL DEFAULT now();

-- Dead letters that were not replayed, by when they were refused; and what the times of runs come from.
CREATE INDEX deadletter_waiting_idx ON intake.deadletter (recorded_at) WHERE replayed_at IS NULL;
CREATE INDEX catalogue_operator_idx ON intake.catalogue (seq)
    WHERE type IN ('operator.registered', 'operator.changed');

-- How many entries were posted, in shards as balances are: writers add to one of their own.
CREATE TABLE book.entry_count (
    shard smallint PRIMARY KEY CHECK (shard BETWEEN 0 AND 255),
    entries bigint NOT NULL CHECK (entries >= 0)
) WITH (fillfactor = 50);
GRANT INSERT, UPDATE (entries) ON book.entry_count TO wattledger_writer;
LOCK TABLE book.entry IN SHARE MODE;
INSERT INTO book.entry_count (shard, entries) SELECT 0, count(*) FROM book.entry;

-- How many rows read models have by generation and a key of theirs: sessions by state, payouts by status, findings by
-- kind, open items by the code of their account.
CREATE TABLE projection.row_count (
    name text COLLATE "C" NOT NULL,
    generation integer NOT NULL,
    key text COLLATE "C" NOT NULL,
    number bigint NOT NULL,
    PRIMARY KEY (name, generation, key)
) WITH (fillfactor = 50);

-- Counts the rows that a statement added and took away. Arguments: the read model, and the key as an expression.
CREATE FUNCTION projection.count_rows() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    added constant text := format('SELECT generation, %s AS key, 1 AS one FROM added', TG_ARGV[1]);
    gone constant text := format('SELECT generation, %s AS key, -1 AS one FROM gone', TG_ARGV[1]);
    changed constant text := CASE TG_OP
        WHEN 'INSERT' THEN added WHEN 'DELETE' THEN gone ELSE added || ' UNION ALL ' || gone
    END;
BEGIN
    EXECUTE format(
        'INSERT INTO projection.row_count AS kept (name, generation, key, number) '
        'SELECT %L, generation, key, sum(one) FROM (%s) AS changed '
        'GROUP BY generation, key HAVING sum(one) <> 0 ORDER BY generation, key '
        'ON CONFLICT (name, generation, key) DO UPDATE SET number = kept.number + excluded.number',
        TG_ARGV[0], changed);
    IF TG_OP <> 'INSERT' THEN
        DELETE FROM projection.row_count WHERE name = TG_ARGV[0] AND number = 0;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER count_added AFTER INSERT ON projection.session_row REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION projection.count_rows('sessions', 'state');
CREATE TRIGGER count_changed AFTER UPDATE ON projection.session_row REFERENCING OLD TABLE AS gone NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION projection.count_rows('sessions', 'state');
CREATE TRIGGER count_gone AFTER DELETE ON projection.session_row REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION projection.count_rows('sessions', 'state');
CREATE TRIGGER count_added AFTER INSERT ON projection.payout_row REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION projection.count_rows('payouts', 'status');
CREATE TRIGGER count_changed AFTER UPDATE ON projection.payout_row REFERENCING OLD TABLE AS gone NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION projection.count_rows('payouts', 'status');
CREATE TRIGGER count_gone AFTER DELETE ON projection.payout_row REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION projection.count_rows('payouts', 'status');
CREATE TRIGGER count_added AFTER INSERT ON projection.finding_row REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION projection.count_rows('findings', 'kind');
CREATE TRIGGER count_changed AFTER UPDATE ON projection.finding_row REFERENCING OLD TABLE AS gone NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION projection.count_rows('findings', 'kind');
CREATE TRIGGER count_gone AFTER DELETE ON projection.finding_row REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION projection.count_rows('findings', 'kind');
-- What is added to an open item leaves it the same item.
CREATE TRIGGER count_added AFTER INSERT ON projection.open_item_row REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION projection.count_rows('open_items', 'left(account, 4)');
CREATE TRIGGER count_gone AFTER DELETE ON projection.open_item_row REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION projection.count_rows('open_items', 'left(account, 4)');

INSERT INTO projection.row_count (name, generation, key, number)
SELECT 'sessions', generation, state, count(*) FROM projection.session_row GROUP BY generation, state
UNION ALL
SELECT 'payouts', generation, status, count(*) FROM projection.payout_row GROUP BY generation, status
UNION ALL
SELECT 'findings', generation, kind, count(*) FROM projection.finding_row GROUP BY generation, kind
UNION ALL
SELECT 'open_items', generation, left(account, 4), count(*) FROM projection.open_item_row
GROUP BY generation, left(account, 4);

-- Each long-running process says every few seconds that it lives; one that ends in order takes its row away.
CREATE TABLE wattledger.heartbeat (
    id uuid PRIMARY KEY,
    host text COLLATE "C" NOT NULL,
    pid integer NOT NULL,
    piece text COLLATE "C" NOT NULL,
    started_at timestamptz NOT NULL,
    beat_at timestamptz NOT NULL
) WITH (fillfactor = 50);

-- How far the store was at a moment, a row every few seconds: rates come from these, and how long the first event that
-- a read model has not seen is stored by now. Gone once no read model is behind it and rates have no use for it.
CREATE TABLE wattledger.sample (
    at timestamptz PRIMARY KEY,
    position bigint NOT NULL,
    taken bigint NOT NULL,
    entries bigint NOT NULL
);
CREATE INDEX sample_position_idx ON wattledger.sample (position, at);

-- When the book was verified, how long that took in seconds, and what came out: whether it holds, and how many findings
-- say that it does not.
CREATE TABLE wattledger.verification (
    verified_at timestamptz PRIMARY KEY,
    seconds double precision NOT NULL,
    passed boolean NOT NULL,
    findings bigint NOT NULL
);

GRANT SELECT ON wattledger.heartbeat, wattledger.sample, wattledger.verification
    TO wattledger_writer, wattledger_projector, wattledger_reader, wattledger_auditor;
GRANT INSERT, UPDATE, DELETE ON wattledger.heartbeat TO wattledger_writer;
GRANT INSERT, DELETE ON wattledger.sample TO wattledger_writer;
-- Who may verify says what came out.
GRANT INSERT ON wattledger.verification TO wattledger_auditor;
