-- A few entries in one call: their postings, the entries which seal those, and the balances they move, all by the
-- writer's own rights and past the same guards as any other insert. It does what `ledger.book.journal.write_entries`
-- does with eight statements, for callers that would wait longer for the way there and back than for the work.

-- The moment so many microseconds after 1970 UTC, to the microsecond in any year: the hours and the rest apart, since
-- an interval is multiplied by a float.
CREATE FUNCTION book.moment_of(moment_us bigint) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
RETURN timestamptz 'epoch' + moment_us / 3600000000 * interval '1 hour'
       + moment_us % 3600000000 * interval '1 microsecond';

-- Add movements of one account to the buckets below that of all time, from months down to where each is listed.
-- `moved` are rows of {effective time in microseconds since 1970 UTC, amount, debit positive}.
CREATE FUNCTION book.add_to_history(of_shard smallint, of_account text, of_currency text, moved bigint[])
RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $$
DECLARE
    -- How many movements a bucket lists before it is split, as `ledger.book.buckets` has it.
    listed_max CONSTANT integer NOT NULL := 100;
    spans CONSTANT text[] NOT NULL := ARRAY['month', 'day', 'hour', 'minute', 'second', 'microseconds'];
    span text;
    known smallint NOT NULL := 0;
    moment timestamptz;
    amount bigint;
    bucket record;
    finer bigint[];
BEGIN
    IF cardinality(moved) = 2 THEN
        -- Whatever is split around the moment, from the month down: a split bucket is within split ones only.
        moment := book.moment_of(moved[1][1]);
        amount := moved[1][2];
        UPDATE book.balance_history AS kept
        SET debits = kept.debits + greatest(amount, 0), credits = kept.credits + greatest(-amount, 0)
        FROM (VALUES (1), (2), (3), (4), (5), (6)) AS around (level)
        WHERE kept.account = of_account AND kept.currency = of_currency AND kept.shard = of_shard
              AND kept.level = around.level AND kept.start = date_trunc(spans[around.level], moment, 'UTC')
              AND kept.split;
        GET DIAGNOSTICS known = ROW_COUNT;
    END IF;
    FOR of_level IN known + 1..6 LOOP
        span := spans[of_level];
        finer := '{}';
        FOR bucket IN
            INSERT INTO book.balance_history AS kept
                (account, currency, level, start, shard, debits, credits, split, listed)
            SELECT of_account, of_currency, of_level, new.start, of_shard, sum(greatest(new.amount, 0)),
                   sum(greatest(-new.amount, 0)), of_level = 6 OR count(*) > listed_max,
                   CASE WHEN of_level = 6 OR count(*) > listed_max THEN '{}'
                   ELSE array_agg(ARRAY[new.moment_us, new.amount] ORDER BY new.moment_us, new.amount) END
            FROM (
                SELECT date_trunc(span, book.moment_of(moved[number][1]), 'UTC') AS start,
                       moved[number][1] AS moment_us, moved[number][2] AS amount
                FROM generate_subscripts(moved, 1) AS number
            ) AS new
            GROUP BY new.start
            ORDER BY new.start
            ON CONFLICT (account, currency, level, start, shard) DO UPDATE
            SET debits = kept.debits + excluded.debits,
                credits = kept.credits + excluded.credits,
                split = kept.split OR excluded.split
                        OR cardinality(kept.listed) + cardinality(excluded.listed) > 2 * listed_max,
                listed = CASE
                    WHEN kept.split OR excluded.split
                         OR cardinality(kept.listed) + cardinality(excluded.listed) > 2 * listed_max
                    THEN kept.listed ELSE kept.listed || excluded.listed END
            RETURNING split, start, listed
        LOOP
            CONTINUE WHEN NOT bucket.split OR of_level = 6;
            IF bucket.listed <> '{}' THEN
                finer := finer || bucket.listed;
                UPDATE book.balance_history SET listed = '{}'
                WHERE account = of_account AND currency = of_currency AND level = of_level
                      AND start = bucket.start AND shard = of_shard;
            END IF;
            finer := finer || (
                SELECT array_agg(ARRAY[moved[number][1], moved[number][2]] ORDER BY number)
                FROM generate_subscripts(moved, 1) AS number
                WHERE bucket.start = date_trunc(span, book.moment_of(moved[number][1]), 'UTC')
            );
        END LOOP;
        moved := finer;
        IF moved = '{}' THEN
            RETURN;
        END IF;
    END LOOP;
END
$$;

-- Post entries in the order given, their postings by account, and add what they move to the balances of one shard.
-- `postings_of` says of each posting which entry it belongs to, from 1. Raises what the tables and their guards raise;
-- nothing is caught.
CREATE FUNCTION book.post_entries(
    of_shard smallint, of_hash_version smallint, entry_ids uuid[], kinds text[], moments_us bigint[],
    currencies text[], posting_counts smallint[], session_ids text[], payout_ids text[], reversed uuid[],
    causes uuid[], hashes bytea[], postings_of integer[], lines smallint[], accounts text[], amounts bigint[]
) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- As in book.add_to_history.
    listed_max CONSTANT integer NOT NULL := 100;
    top record;
BEGIN
    INSERT INTO book.entry_count AS kept (shard, entries) VALUES (of_shard, cardinality(entry_ids))
    ON CONFLICT (shard) DO UPDATE SET entries = kept.entries + excluded.entries;

    IF cardinality(entry_ids) = 1 THEN
        -- One entry, the usual case: rows by their values, which costs half of what sets of one row do.
        INSERT INTO book.posting (entry_id, line, account, currency, amount_minor)
        SELECT entry_ids[1], lines[number], accounts[number], currencies[1], amounts[number]
        FROM generate_subscripts(accounts, 1) AS number;

        INSERT INTO book.entry (entry_id, kind, effective_at, currency, posting_count, hash_version, session_id,
                                payout_id, reverses, cause, hash)
        VALUES (entry_ids[1], kinds[1], book.moment_of(moments_us[1]), currencies[1],
                posting_counts[1], of_hash_version, session_ids[1], payout_ids[1], reversed[1], causes[1], hashes[1]);

        FOR number IN 1..cardinality(accounts) LOOP
            INSERT INTO book.balance AS kept (account, currency, shard, debits, credits, split, listed)
            VALUES (accounts[number], currencies[1], of_shard, greatest(amounts[number], 0),
                    greatest(-amounts[number], 0), false, ARRAY[ARRAY[moments_us[1], amounts[number]]])
            ON CONFLICT (account, currency, shard) DO UPDATE
            SET debits = kept.debits + excluded.debits,
                credits = kept.credits + excluded.credits,
                split = kept.split OR cardinality(kept.listed) >= 2 * listed_max,
                listed = CASE WHEN kept.split OR cardinality(kept.listed) >= 2 * listed_max THEN kept.listed
                         ELSE kept.listed || excluded.listed END
            RETURNING split, listed INTO top;
            IF top.split THEN
                IF top.listed <> '{}' THEN
                    UPDATE book.balance SET listed = '{}'
                    WHERE account = accounts[number] AND currency = currencies[1] AND shard = of_shard;
                END IF;
                PERFORM book.add_to_history(of_shard, accounts[number], currencies[1],
                                            top.listed || ARRAY[ARRAY[moments_us[1], amounts[number]]]);
            END IF;
        END LOOP;
        RETURN;
    END IF;

    INSERT INTO book.posting (entry_id, line, account, currency, amount_minor)
    SELECT entry_ids[entry], line, account, currencies[entry], amount
    FROM unnest(postings_of, lines, accounts, amounts) AS posting (entry, line, account, amount);

    INSERT INTO book.entry (entry_id, kind, effective_at, currency, posting_count, hash_version, session_id,
                            payout_id, reverses, cause, hash)
    SELECT entry_id, kind, book.moment_of(moment_us), currency, posting_count,
           of_hash_version, session_id, payout_id, reverses, cause, hash
    FROM unnest(entry_ids, kinds, moments_us, currencies, posting_counts, session_ids, payout_ids, reversed, causes,
                hashes)
        AS entry (entry_id, kind, moment_us, currency, posting_count, session_id, payout_id, reverses, cause, hash);

    -- All buckets of all time first, in the order of their keys, as every writer takes them.
    FOR top IN
        INSERT INTO book.balance AS kept (account, currency, shard, debits, credits, split, listed)
        SELECT posting.account, currencies[posting.entry], of_shard, sum(greatest(posting.amount, 0)),
               sum(greatest(-posting.amount, 0)), count(*) > listed_max,
               CASE WHEN count(*) > listed_max THEN '{}'
               ELSE array_agg(ARRAY[moments_us[posting.entry], posting.amount]) END
        FROM unnest(postings_of, accounts, amounts) AS posting (entry, account, amount)
        GROUP BY posting.account COLLATE "C", currencies[posting.entry] COLLATE "C", posting.account,
                 currencies[posting.entry]
        ORDER BY posting.account COLLATE "C", currencies[posting.entry] COLLATE "C"
        ON CONFLICT (account, currency, shard) DO UPDATE
        SET debits = kept.debits + excluded.debits,
            credits = kept.credits + excluded.credits,
            split = kept.split OR excluded.split
                    OR cardinality(kept.listed) + cardinality(excluded.listed) > 2 * listed_max,
            listed = CASE
                WHEN kept.split OR excluded.split
                     OR cardinality(kept.listed) + cardinality(excluded.listed) > 2 * listed_max
                THEN kept.listed ELSE kept.listed || excluded.listed END
        RETURNING account, currency, split, listed
    LOOP
        CONTINUE WHEN NOT top.split;
        IF top.listed <> '{}' THEN
            UPDATE book.balance SET listed = '{}'
            WHERE account = top.account AND currency = top.currency AND shard = of_shard;
        END IF;
        PERFORM book.add_to_history(of_shard, top.account, top.currency, top.listed || (
            SELECT array_agg(ARRAY[moments_us[posting.entry], posting.amount])
            FROM unnest(postings_of, accounts, amounts) AS posting (entry, account, amount)
            WHERE posting.account = top.account AND currencies[posting.entry] = top.currency
        ));
    END LOOP;
END
$$;

REVOKE EXECUTE ON FUNCTION book.post_entries, book.add_to_history, book.moment_of FROM PUBLIC;
GRANT EXECUTE ON FUNCTION book.post_entries, book.add_to_history, book.moment_of TO wattledger_writer;
