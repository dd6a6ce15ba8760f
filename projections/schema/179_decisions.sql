-- What people decided, a row each by the message that said so: taken, or refused with the sentence why it counts for
-- nothing. `position` is that of the message in the store; `acts_at` is the time of its own that it acts at. An approval
-- that too few joined in time has `lapsed`; `owner` and `note` are of a finding that somebody looks after.
CREATE TABLE projection.decision_row (
    generation integer NOT NULL,
    source text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    operator_id text COLLATE "C",
    decided_by text COLLATE "C" NOT NULL,
    acts_at timestamptz NOT NULL,
    content_hash text COLLATE "C",
    reason text,
    state text COLLATE "C" NOT NULL,
    sentence text,
    owner text,
    note text,
    position bigint NOT NULL,
    lapsed boolean NOT NULL DEFAULT false,
    PRIMARY KEY (generation, source, id)
);
CREATE INDEX decision_subject_idx ON projection.decision_row (generation, subject, acts_at);
CREATE INDEX decision_operator_idx ON projection.decision_row (generation, operator_id, acts_at)
    WHERE operator_id IS NOT NULL;

INSERT INTO projection.generation (name, generation, live) VALUES ('decisions', 1, true);

-- A tenant sees who decided about its own payouts, whether they are held, and nothing else of what people decide.
ALTER TABLE projection.decision_row ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_all ON projection.decision_row TO wattledger_writer, wattledger_projector, wattledger_bank,
    wattledger_reader, wattledger_auditor USING (true) WITH CHECK (true);
CREATE POLICY of_tenants ON projection.decision_row FOR SELECT TO wattledger_tenant
    USING (
        CASE
            WHEN type IN ('payout.approved', 'payout.rejected')
            THEN EXISTS (SELECT FROM surface.payouts AS payout WHERE payout.payout_id = decision_row.subject)
            WHEN type IN ('operator.payouts_held', 'operator.payouts_released')
            THEN operator_id = ANY ((SELECT surface.operators())::text[])
            ELSE false
        END
    );

CREATE VIEW projection.decisions WITH (security_invoker) AS
SELECT source, id, type, subject, operator_id, decided_by, acts_at, content_hash, reason, state, sentence, owner, note,
       position, lapsed
FROM projection.decision_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'decisions');
GRANT SELECT ON projection.decision_row, projection.decisions TO wattledger_tenant, wattledger_reader;
