-- A party that has, or had, an invitation or a connection of its own is behind no hub by what that hub says alone: only where
-- `ocpi set PARTY --flag behind_hubs` says so. Else a hub could tell of anybody who has left, and have its sessions and CDRs.
CREATE OR REPLACE VIEW access.ocpi_reach AS
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
      AND NOT EXISTS (
          SELECT FROM access.ocpi_partner AS own
          WHERE own.party = behind.party AND NOT coalesce((own.flags ->> 'behind_hubs')::boolean, false)
      )
    GROUP BY behind.party, behind.hub, hub.connected_at
)
SELECT DISTINCT ON (partner) partner, connection, via_hub, status
FROM each_way
ORDER BY partner, via_hub, status, connected_at, connection;
