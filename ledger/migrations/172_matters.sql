-- Adjustments, write-offs, holds and the like, each in a stream of its own: what the clock and new terms of an operator
-- have to find them by. `waits` is while no contract of the operator was in effect when the matter began.
CREATE TABLE intake.matter (
    stream_id uuid PRIMARY KEY,
    operator_id text COLLATE "C" NOT NULL,
    due_at timestamptz,
    acts_until timestamptz NOT NULL,
    waits boolean NOT NULL,
    stale boolean NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX matter_due_idx ON intake.matter (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX matter_stale_idx ON intake.matter (stream_id) WHERE stale;
CREATE INDEX matter_operator_idx ON intake.matter (operator_id, acts_until);
GRANT INSERT ON intake.matter TO wattledger_writer;
GRANT UPDATE (operator_id, due_at, acts_until, waits, stale) ON intake.matter TO wattledger_writer;
