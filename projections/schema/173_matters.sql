-- What is between operators and the platform, a row each, as it stands: adjustments, write-offs, holds, invoices for our
-- service, and what was done about balances. `amount` is in minor units, `details` has what only its kind has, `position` is
-- that of the event that said so last. Write-offs of accounts that are no operator's have an empty operator.
CREATE TABLE projection.matter_row (
    generation integer NOT NULL,
    stream_id uuid NOT NULL,
    kind text COLLATE "C" NOT NULL,
    matter_id text COLLATE "C" NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    amount bigint NOT NULL,
    proposed_at timestamptz NOT NULL,
    proposed_by text COLLATE "C" NOT NULL,
    decided_at timestamptz,
    decided_by text COLLATE "C",
    reason text,
    entry_id uuid,
    details jsonb NOT NULL,
    position bigint NOT NULL,
    PRIMARY KEY (generation, stream_id)
) WITH (fillfactor = 80);
CREATE INDEX matter_row_kind_idx ON projection.matter_row (generation, kind, proposed_at, stream_id);
CREATE INDEX matter_row_id_idx ON projection.matter_row (generation, kind, matter_id);
CREATE INDEX matter_row_operator_idx ON projection.matter_row (generation, operator_id, kind, proposed_at, stream_id);
CREATE INDEX matter_row_session_idx ON projection.matter_row (generation, (details ->> 'session_id'))
    WHERE details ->> 'session_id' IS NOT NULL;

CALL surface.keep_apart('projection.matter_row');
CREATE VIEW projection.matters WITH (security_invoker) AS
SELECT stream_id, kind, matter_id, operator_id, state, currency, amount, proposed_at, proposed_by, decided_at, decided_by,
       reason, entry_id, details, position
FROM projection.matter_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'matters');
GRANT SELECT ON projection.matter_row, projection.matters TO wattledger_tenant;

INSERT INTO projection.generation (name, generation, live) VALUES ('matters', 1, true);
