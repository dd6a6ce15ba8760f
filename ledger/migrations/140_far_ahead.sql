-- Envelope times that were more than 24 hours ahead of the wall clock when their events were accepted. No partition's
-- `event_time` knows them, so that none moves event time before its own time is near; then the index finds it.
CREATE TABLE intake.ahead (
    event_time timestamptz PRIMARY KEY
);
GRANT INSERT ON intake.ahead TO wattledger_writer;

-- How many events of a partition were that far ahead; each of them is accepted, and counted there.
ALTER TABLE intake.tally ADD COLUMN ahead bigint NOT NULL DEFAULT 0;
GRANT UPDATE (ahead) ON intake.tally TO wattledger_writer;

-- A store whose event time is far ahead already goes back to the greatest that is not. Its events are read for that,
-- and only where there is such a partition.
WITH near AS (
    SELECT now() + interval '24 hours' AS until
), taken AS MATERIALIZED (
    SELECT (convert_from(state, 'UTF8')::jsonb ->> 'time')::timestamptz AS event_time
    FROM event_store.stored_events
    WHERE topic ~ '^[a-z]' AND EXISTS (SELECT FROM intake.position, near WHERE event_time > until)
    UNION
    SELECT event_time FROM intake.parked
    WHERE EXISTS (SELECT FROM intake.position, near WHERE position.event_time > until)
), kept AS (
    INSERT INTO intake.ahead (event_time) SELECT event_time FROM taken, near WHERE event_time > until
)
UPDATE intake.position SET event_time = (SELECT max(taken.event_time) FROM taken, near WHERE taken.event_time <= until)
FROM near WHERE position.event_time > near.until;
