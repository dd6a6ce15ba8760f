-- What partners need that differ from OCPI's letter, what they were told of us, and whom hubs reach.

-- `flags` are what `wattledger ocpi set` has set, each true where it is there. `told_roles` is the SHA-256 of the roles that
-- the partner has from our credentials: where ours are others by now it is told them. `listed_at` is when a hub's list of the
-- parties that it reaches was last read.
ALTER TABLE access.ocpi_partner
    ADD COLUMN flags jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN told_roles bytea CHECK (length(told_roles) = 32),
    ADD COLUMN listed_at timestamptz;

-- What a hub said of a party behind it (OCPI, mod_hub_client_info): `party` is COUNTRY-PARTY in capitals, `document` the object
-- as it came, `heard_at` when it did.
CREATE TABLE access.ocpi_hub_party (
    hub text COLLATE "C" NOT NULL REFERENCES access.ocpi_partner (party) ON DELETE CASCADE,
    party text COLLATE "C" NOT NULL CHECK (party ~ '^[A-Z]{2}-[A-Z0-9]{3}$'),
    role text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL CHECK (status IN ('CONNECTED', 'OFFLINE', 'PLANNED', 'SUSPENDED')),
    last_updated timestamptz NOT NULL,
    document jsonb NOT NULL,
    heard_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (hub, party, role)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON access.ocpi_hub_party TO wattledger_door;

-- Whom each connection reaches: its own party, and those behind a hub, which one of OCPI 2.3.0 names in its roles and one of
-- 2.2.1 tells party by party. What a hub says of a party by itself is newer than its roles. A charge point operator behind a
-- hub gets nothing from us, and one that is only planned is not there yet. `status` is the best that is told of a party whatever
-- its role, and CONNECTED of a party with a connection of its own.
--
-- A party has one connection: its own before that of any hub, then the hub where it is online, then the one that connected
-- first. A connection that was suspended keeps its parties, so that nothing goes to them by another way.
CREATE VIEW access.ocpi_reach AS
WITH behind AS (
    SELECT told.hub, told.party, told.role, told.status FROM access.ocpi_hub_party AS told
    UNION ALL
    SELECT hub.party, named.party, named.role, 'CONNECTED'
    FROM access.ocpi_partner AS hub
    CROSS JOIN LATERAL jsonb_to_recordset(hub.roles) AS each (country_code text, party_id text, role text)
    CROSS JOIN LATERAL (SELECT upper(each.country_code || '-' || each.party_id) COLLATE "C", each.role) AS named (party, role)
    WHERE hub.role = 'HUB'
      AND NOT EXISTS (
          SELECT FROM access.ocpi_hub_party AS told
          WHERE told.hub = hub.party AND told.party = named.party AND told.role = named.role
      )
), each_way AS (
    SELECT party AS partner, party AS connection, false AS via_hub, 'CONNECTED' AS status, connected_at
    FROM access.ocpi_partner WHERE state IN ('CONNECTED', 'SUSPENDED')
    UNION ALL
    -- The best is the first in the alphabet: CONNECTED, OFFLINE, SUSPENDED.
    SELECT behind.party, behind.hub, true, min(behind.status), hub.connected_at
    FROM behind JOIN access.ocpi_partner AS hub ON hub.party = behind.hub
    WHERE hub.state IN ('CONNECTED', 'SUSPENDED') AND behind.party <> behind.hub
      AND behind.role NOT IN ('CPO', 'HUB') AND behind.status <> 'PLANNED'
    GROUP BY behind.party, behind.hub, hub.connected_at
)
SELECT DISTINCT ON (partner) partner, connection, via_hub, status
FROM each_way
ORDER BY partner, via_hub, status, connected_at, connection;
GRANT SELECT ON access.ocpi_reach TO wattledger_door;
