-- How long money took, in microseconds, worked out once and not by every question.
ALTER TABLE projection.session_cash_row
    ADD COLUMN handed_us bigint GENERATED ALWAYS AS ((extract(epoch FROM handed_at - ended_at) * 1000000)::bigint) STORED,
    ADD COLUMN paid_us bigint GENERATED ALWAYS AS ((extract(epoch FROM paid_at - ended_at) * 1000000)::bigint) STORED;
CREATE OR REPLACE VIEW projection.session_cash WITH (security_invoker) AS
SELECT payout_id, session_id, operator_id, currency, amount, ended_at, handed_at, paid_at, handed_us, paid_us
FROM projection.session_cash_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'network');
