-- What payouts keep of what they pay, and why somebody has to approve them: minor units. `retained` is the part of the reserve
-- that is given back at once, `withheld` the sum of the taxes, `fee` what it costs to be paid at once, with VAT.
ALTER TABLE projection.payout_row ADD COLUMN retained bigint NOT NULL DEFAULT 0, ADD COLUMN withheld bigint NOT NULL DEFAULT 0,
    ADD COLUMN fee bigint NOT NULL DEFAULT 0, ADD COLUMN doubts text[] NOT NULL DEFAULT '{}';
GRANT SELECT (retained, withheld, fee, doubts) ON projection.payout_row TO wattledger_tenant;

CREATE VIEW surface.payout_parts WITH (security_invoker) AS
SELECT payout_id, operator_id, retained, withheld, fee, doubts
FROM projection.payout_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'payouts');
GRANT SELECT ON surface.payout_parts TO wattledger_tenant;
