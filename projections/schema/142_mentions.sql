-- Which events mention an id, whatever it is an id of: `key` is a hash of the kind and the id, so that an id of any length
-- takes as much room as any other; who asks reads the events and sees whether they mean it.
CREATE TABLE projection.mention_row (
    key bigint NOT NULL,
    position bigint NOT NULL,
    generation integer NOT NULL,
    PRIMARY KEY (generation, key, position)
);

-- It begins at the first event, beside a system that runs: whoever follows the events fills it.
INSERT INTO projection.generation (name, generation, live) VALUES ('mentions', 1, true);

CREATE VIEW projection.mentions AS
SELECT key, position
FROM projection.mention_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'mentions');

-- Payouts by the bank file that they stand in.
CREATE INDEX bank_file_payout_name_idx ON intake.bank_file_payout (name);
-- Dead letters by the message's id; answers of partners that wait for a CDR by theirs. Few rows each, so that writers wait
-- for a moment at most.
CREATE INDEX deadletter_event_idx ON intake.deadletter (event_id) WHERE event_id IS NOT NULL;
CREATE INDEX parked_cdr_answer_idx ON intake.parked (id) WHERE kind = 'cdr';
