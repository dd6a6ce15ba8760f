-- What the meters of sites said, and the energy that was imported by quarter hour, of quarters that readings cover wholly.
CREATE TABLE projection.site_meter_row (
    generation integer NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    location_key text COLLATE "C" NOT NULL,
    read_at timestamptz NOT NULL,
    import_wh numeric NOT NULL,
    PRIMARY KEY (generation, operator_id, location_key, read_at)
);
CALL surface.keep_apart('projection.site_meter_row');

CREATE TABLE projection.site_import_row (
    generation integer NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    location_key text COLLATE "C" NOT NULL,
    quarter integer NOT NULL,
    import_wh numeric NOT NULL,
    PRIMARY KEY (generation, operator_id, location_key, quarter)
) WITH (fillfactor = 80);
CALL surface.keep_apart('projection.site_import_row');

CREATE VIEW projection.site_import WITH (security_invoker) AS
SELECT operator_id, location_key, quarter, import_wh
FROM projection.site_import_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'network');
GRANT SELECT ON projection.site_import_row, projection.site_import TO wattledger_tenant;
