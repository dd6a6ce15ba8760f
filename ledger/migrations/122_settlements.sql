-- A payment is known by its provider and its id, with a tab between: two providers may use one id. What was noted and what
-- waits by the id alone is noted anew, out of the captures that named it.
DELETE FROM intake.reference WHERE kind = 'payment';
INSERT INTO intake.reference (kind, ref, session_id)
SELECT DISTINCT 'payment', (fact -> 'data' ->> 'provider') || E'\t' || (fact -> 'data' ->> 'payment_id'),
    fact -> 'data' ->> 'session_id'
FROM (
    SELECT convert_from(state, 'UTF8')::jsonb AS fact FROM event_store.stored_events WHERE topic = 'payment.captured'
) AS captured;
UPDATE intake.parked SET ref = (convert_from(data, 'UTF8')::jsonb ->> 'provider') || E'\t' || ref WHERE kind = 'payment';

-- The stream of the settlement that a line is of, so that it shows which of its lines nobody claims.
ALTER TABLE intake.parked ADD COLUMN settlement uuid;
CREATE INDEX parked_settlement_idx ON intake.parked (settlement) WHERE settlement IS NOT NULL;

-- Settlements that the clock has to look at, since something was told of them or taken from them.
CREATE TABLE intake.receipt_to_look_at (
    stream_id uuid PRIMARY KEY
);

-- Payments that several sessions claim, of which some may not know yet what the others captured.
CREATE TABLE intake.shared_payment (
    ref text COLLATE "C" PRIMARY KEY
);
INSERT INTO intake.shared_payment (ref)
SELECT ref FROM intake.reference WHERE kind = 'payment' GROUP BY ref HAVING count(*) > 1;

GRANT INSERT, DELETE ON intake.receipt_to_look_at, intake.shared_payment TO wattledger_writer;
-- Locking a row of them asks for a right to change it.
GRANT UPDATE (stream_id) ON intake.receipt_to_look_at TO wattledger_writer;
GRANT UPDATE (ref) ON intake.shared_payment TO wattledger_writer;
