-- What operators declared of their costs, every version: which is in effect is a question of a moment. `told_at`, `source`
-- and `id` are those of the message. ENERGY and DEMAND have a `price` in major units of `currency`, a kWh or a kW of a
-- month's peak; the others an `amount` in minor units.
CREATE TABLE projection.cost_row (
    generation integer NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    cost_id text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    told_at timestamptz NOT NULL,
    effective_from timestamptz NOT NULL,
    effective_to timestamptz,
    location_id text COLLATE "C",
    kind text COLLATE "C" NOT NULL,
    price numeric,
    currency text COLLATE "C" NOT NULL,
    minimum_kw numeric,
    average_months smallint,
    amount bigint,
    every text COLLATE "C",
    due_day smallint,
    PRIMARY KEY (generation, operator_id, cost_id, source, id)
);
CALL surface.keep_apart('projection.cost_row');
CREATE VIEW projection.costs WITH (security_invoker) AS
SELECT operator_id, cost_id, source, id, told_at, effective_from, effective_to, location_id, kind, price, currency,
       minimum_kw, average_months, amount, every, due_day
FROM projection.cost_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'network');

-- The fees of providers that are recharged to an operator for a session, in minor units.
CREATE TABLE projection.session_fee_row (
    generation integer NOT NULL,
    session_id text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    fee bigint NOT NULL,
    PRIMARY KEY (generation, session_id, currency, operator_id)
) WITH (fillfactor = 80);
CALL surface.keep_apart('projection.session_fee_row');
CREATE VIEW projection.session_fees WITH (security_invoker) AS
SELECT session_id, currency, operator_id, fee
FROM projection.session_fee_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'network');

GRANT SELECT ON projection.cost_row, projection.costs, projection.session_fee_row, projection.session_fees
    TO wattledger_tenant, wattledger_reader;
