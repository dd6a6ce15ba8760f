-- Which tariffs the connectors of which locations name, so that one that nothing names any more is withdrawn.

-- `until` is when the last version of the location that names it ends, null where that has no end. Ids are folded.
CREATE TABLE roaming.named_tariff (
    operator_id text COLLATE "C" NOT NULL,
    tariff_id text COLLATE "C" NOT NULL,
    location_id text COLLATE "C" NOT NULL,
    until timestamptz,
    PRIMARY KEY (operator_id, tariff_id, location_id)
);
CREATE INDEX named_tariff_location_idx ON roaming.named_tariff (operator_id, location_id);
CREATE INDEX withdrawn_operator_idx ON roaming.withdrawn (operator_id, module);
GRANT SELECT, INSERT, UPDATE, DELETE ON roaming.named_tariff TO wattledger_projector;
GRANT SELECT ON roaming.named_tariff TO wattledger_auditor;

-- Locations that are stored already are read once more for what they name; what comes out the same stays as it is.
UPDATE roaming.position SET position = 0 WHERE module = 'tariffs';
