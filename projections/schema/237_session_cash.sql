-- When sessions' money came. An attempt of a payout: the first of its chain, and when it was handed over (J35), when the
-- bank executed it (J36) and when it came back (J39), as far as that stands.
CREATE TABLE projection.payout_attempt_row (
    generation integer NOT NULL,
    payout_id text COLLATE "C" NOT NULL,
    first_id text COLLATE "C" NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    handed_at timestamptz,
    settled_at timestamptz,
    returned_at timestamptz,
    PRIMARY KEY (generation, payout_id)
);
CREATE INDEX payout_attempt_row_first_idx ON projection.payout_attempt_row (generation, first_id);
CALL surface.keep_apart('projection.payout_attempt_row');

-- A session and the first attempt that pays it: the positive net of its entries in it, in minor units; when the first of
-- them acts, and when it ended, which is that moment where no end was told; when that was handed over, and when it was paid
-- by whichever attempt arrived.
CREATE TABLE projection.session_cash_row (
    generation integer NOT NULL,
    payout_id text COLLATE "C" NOT NULL,
    session_id text COLLATE "C" NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    amount bigint NOT NULL,
    priced_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    handed_at timestamptz,
    paid_at timestamptz,
    PRIMARY KEY (generation, payout_id, session_id)
) WITH (fillfactor = 70);
CREATE INDEX session_cash_row_ended_idx ON projection.session_cash_row (generation, operator_id, ended_at);
CREATE INDEX session_cash_row_session_idx ON projection.session_cash_row (generation, session_id);
CALL surface.keep_apart('projection.session_cash_row');

CREATE VIEW projection.session_cash WITH (security_invoker) AS
SELECT payout_id, session_id, operator_id, currency, amount, ended_at, handed_at, paid_at
FROM projection.session_cash_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'network');
GRANT SELECT ON projection.session_cash_row, projection.session_cash TO wattledger_reader, wattledger_tenant;
GRANT SELECT ON projection.payout_attempt_row TO wattledger_reader, wattledger_tenant;
