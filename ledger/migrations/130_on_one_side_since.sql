-- Since when an account has been on the side of zero on which it is now, without a break and by effective time; NULL
-- where it is zero. An account with few movements lists them all in its row. Of another one this goes back through the
-- buckets of its history, from months to single moments, into those only in which the balance may have come to zero:
-- what a bucket moved against it is more than what was there before.
CREATE FUNCTION book.on_one_side_since(of_account text, of_currency text) RETURNS timestamptz
LANGUAGE plpgsql STABLE PARALLEL SAFE
AS $$
DECLARE
    now_there bigint;
    is_split boolean;
    movements bigint;
    since_us bigint;
BEGIN
    SELECT sum(debits - credits)::bigint, bool_or(split), sum(coalesce(array_length(listed, 1), 0)), max(listed[1][1])
    INTO now_there, is_split, movements, since_us
    FROM book.balance WHERE account = of_account AND currency = of_currency;
    IF coalesce(now_there, 0) = 0 THEN
        RETURN NULL;
    ELSIF is_split THEN
        RETURN book.broke_off_at(of_account, of_currency, 1, '-infinity', 'infinity', abs(now_there),
                                 sign(now_there)::int);
    ELSIF movements > 1 THEN
        SELECT max(moment_us) INTO since_us
        FROM (
            SELECT moment_us, sum(amount) OVER (ORDER BY moment_us) - amount AS before
            FROM (
                SELECT listed[number][1] AS moment_us, sum(listed[number][2]) AS amount
                FROM book.balance CROSS JOIN LATERAL generate_subscripts(listed, 1) AS number
                WHERE account = of_account AND currency = of_currency
                GROUP BY moment_us
            ) AS moved
        ) AS standing
        WHERE sign(now_there) * before <= 0;
    END IF;
    RETURN to_timestamp(0) + since_us * interval '1 microsecond';
END
$$;

-- The latest moment within a span from which an account has been on its side until the end of the span, where it
-- stands at `at_end` (positive); NULL where it was there before the span began. Levels as in book.balance_history.
CREATE FUNCTION book.broke_off_at(
    of_account text, of_currency text, of_level int, since timestamptz, until timestamptz, at_end bigint, side int
) RETURNS timestamptz
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET TimeZone = 'UTC'
SET enable_seqscan = off
SET enable_bitmapscan = off
SET jit = off
AS $$
DECLARE
    span text NOT NULL := (ARRAY['month', 'day', 'hour', 'minute', 'second', 'microseconds'])[of_level];
    there bigint NOT NULL := at_end;
    found timestamptz;
    part record;
BEGIN
    FOR part IN
        SELECT start, (side * sum(debits - credits))::bigint AS gained,
               (CASE WHEN side > 0 THEN sum(credits) ELSE sum(debits) END)::bigint AS against
        FROM (
            SELECT start, debits, credits FROM book.balance_history
            WHERE account = of_account AND currency = of_currency AND level = of_level
              AND start >= since AND start < until
            UNION ALL
            SELECT date_trunc(span, moment), greatest(amount, 0), greatest(-amount, 0)
            FROM (
                SELECT listed FROM book.balance WHERE account = of_account AND currency = of_currency
                UNION ALL
                SELECT listed FROM book.balance_history
                WHERE account = of_account AND currency = of_currency AND level < of_level
                  AND start >= date_trunc('month', since) AND start < until
            ) AS bucket
            CROSS JOIN LATERAL (
                SELECT to_timestamp(0) + listed[number][1] * interval '1 microsecond' AS moment,
                       listed[number][2] AS amount
                FROM generate_subscripts(listed, 1) AS number
            ) AS movement
            WHERE moment >= since AND moment < until
        ) AS movements
        GROUP BY start
        ORDER BY start DESC
    LOOP
        there := there - part.gained;
        IF of_level = 6 THEN
            IF there <= 0 THEN
                RETURN part.start;
            END IF;
        ELSIF there - part.against <= 0 THEN
            found := book.broke_off_at(of_account, of_currency, of_level + 1, part.start,
                                       part.start + ('1 ' || span)::interval, there + part.gained, side);
            IF found IS NOT NULL THEN
                RETURN found;
            END IF;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;

REVOKE EXECUTE ON FUNCTION book.on_one_side_since, book.broke_off_at FROM PUBLIC;
GRANT EXECUTE ON FUNCTION book.on_one_side_since, book.broke_off_at
    TO wattledger_writer, wattledger_projector, wattledger_reader, wattledger_auditor;
