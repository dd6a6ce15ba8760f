-- What sites may draw, every version that was told: which of them are in force is a question of a moment. `told_at`, `source`
-- and `id` are those of the message, `circuits` the tree as it was told; a site is told of by its id without case.
CREATE TABLE projection.site_limit_row (
    generation integer NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    location_key text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    location_id text COLLATE "C" NOT NULL,
    told_at timestamptz NOT NULL,
    effective_from timestamptz NOT NULL,
    effective_to timestamptz,
    mode text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    step_a text COLLATE "C",
    circuits json NOT NULL,
    PRIMARY KEY (generation, operator_id, location_key, source, id)
);
CREATE INDEX site_limit_row_place_idx ON projection.site_limit_row (generation, location_key);
CALL surface.keep_apart('projection.site_limit_row');

CREATE VIEW projection.site_limits WITH (security_invoker) AS
SELECT operator_id, location_key, source, id, location_id, told_at, effective_from, effective_to, mode, reason, step_a, circuits
FROM projection.site_limit_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'network');
GRANT SELECT ON projection.site_limit_row, projection.site_limits TO wattledger_tenant, wattledger_reader;

-- What meters of sites said, for whoever asks what flows now.
CREATE VIEW projection.site_readings WITH (security_invoker) AS
SELECT operator_id, location_key, read_at, import_wh
FROM projection.site_meter_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'network');
GRANT SELECT ON projection.site_meter_row, projection.site_readings TO wattledger_tenant;
