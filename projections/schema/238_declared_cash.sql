-- What operators declared to have on their bank accounts, every declaration, in minor units.
CREATE TABLE projection.declared_cash_row (
    generation integer NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    source text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    amount bigint NOT NULL,
    PRIMARY KEY (generation, operator_id, at, source, id)
);
CALL surface.keep_apart('projection.declared_cash_row');

CREATE VIEW projection.declared_cash WITH (security_invoker) AS
SELECT operator_id, at, source, id, currency, amount
FROM projection.declared_cash_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'network');
GRANT SELECT ON projection.declared_cash_row, projection.declared_cash TO wattledger_reader, wattledger_tenant;
