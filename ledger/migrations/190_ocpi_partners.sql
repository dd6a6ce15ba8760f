-- Roaming partners that are connected over OCPI: who they are, by which tokens each side knows the other, and where their
-- interfaces are. Nobody but the door's role sees any of it; it is no event, so that no secret is in the event store.

-- `party` is COUNTRY-PARTY in capitals, to which what a partner claims is bound. Of tokens that partners bring there is the
-- SHA-256 alone: `invite_sha256` opens versions and credentials only (OCPI's token A, or the token of a handshake that is under
-- way), `token_sha256` everything, `previous_sha256` too until `previous_until`. The token that we bring to them is sealed with
-- a key that is not in the database. `roles` and `endpoints` are what they told in credentials and version details.
CREATE TABLE access.ocpi_partner (
    party text COLLATE "C" PRIMARY KEY CHECK (party ~ '^[A-Z]{2}-[A-Z0-9]{3}$'),
    role text COLLATE "C" NOT NULL CHECK (role IN ('EMSP', 'HUB', 'NAP', 'NSP', 'OTHER', 'SCSP')),
    state text COLLATE "C" NOT NULL DEFAULT 'INVITED' CHECK (state IN ('INVITED', 'CONNECTED', 'SUSPENDED', 'LEFT')),
    token_encoding text COLLATE "C" NOT NULL DEFAULT 'base64' CHECK (token_encoding IN ('base64', 'raw')),
    invite_sha256 bytea UNIQUE CHECK (length(invite_sha256) = 32),
    token_sha256 bytea UNIQUE CHECK (length(token_sha256) = 32),
    previous_sha256 bytea UNIQUE CHECK (length(previous_sha256) = 32),
    previous_until timestamptz CHECK ((previous_until IS NULL) = (previous_sha256 IS NULL)),
    sealed_token bytea,
    versions_url text,
    version text COLLATE "C",
    endpoints jsonb NOT NULL DEFAULT '[]',
    roles jsonb NOT NULL DEFAULT '[]',
    invited_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    connected_at timestamptz,
    -- Connected: each side has the other's token and knows where it is.
    CHECK (
        state NOT IN ('CONNECTED', 'SUSPENDED')
        OR (token_sha256 IS NOT NULL AND sealed_token IS NOT NULL AND versions_url IS NOT NULL AND version IS NOT NULL)
    )
);
GRANT SELECT, INSERT, UPDATE, DELETE ON access.ocpi_partner TO wattledger_door;
