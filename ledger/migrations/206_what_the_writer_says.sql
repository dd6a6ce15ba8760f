-- The writer says what it takes in, and not in which order it came, nor when: that is the database's to say.
REVOKE INSERT ON intake.outbox, intake.deadletter FROM wattledger_writer;
GRANT INSERT (topic, record_key, stream_id, version, deadletter_id) ON intake.outbox TO wattledger_writer;
GRANT INSERT (deadletter_id, topic, partition, record_offset, record_key, record_headers, record_value, code, path,
    sentence, event_source, event_id, event_type) ON intake.deadletter TO wattledger_writer;
-- Those that one transaction refuses have one time.
ALTER TABLE intake.deadletter ALTER COLUMN recorded_at SET DEFAULT transaction_timestamp();

-- A run is made as one that has not fired yet, and a payout as one that nobody has looked at.
REVOKE INSERT ON intake.run, intake.open_payout FROM wattledger_writer;
GRANT INSERT (operator_id, closed_through) ON intake.run TO wattledger_writer;
GRANT INSERT (payout_id, operator_id, reserve_held, failed, awaits, currency, amount, sent_at, left_at, weighed, due_at,
    business_date, counts, rejected_at) ON intake.open_payout TO wattledger_writer;
