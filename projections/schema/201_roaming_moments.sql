-- The moment of what was made visible last, by module: those that come are later, whatever the clock does and whatever is
-- no more.
CREATE TABLE roaming.moment (
    module text COLLATE "C" PRIMARY KEY,
    at timestamptz(3) NOT NULL
);
INSERT INTO roaming.moment (module, at) SELECT module, max(last_updated) FROM roaming.object GROUP BY module;
GRANT SELECT, INSERT, UPDATE ON roaming.moment TO wattledger_projector;
GRANT SELECT ON roaming.moment TO wattledger_auditor;

-- What changed since a partner last asked is few of many.
CREATE INDEX object_changed_idx ON roaming.object (module, partner, last_updated);

-- An object that one partner sees in place of everybody's has its place in the pages.
GRANT USAGE ON SEQUENCE roaming.object_created_seq TO wattledger_projector;
