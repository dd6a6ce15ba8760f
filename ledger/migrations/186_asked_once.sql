-- What was answered to requests that act on schema `access` alone, by their Idempotency-Key: kept without secrets.
CREATE TABLE access.asked (
    principal text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
    status smallint NOT NULL,
    location text,
    body bytea NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (principal, key)
);
CREATE INDEX asked_at_idx ON access.asked (at);
GRANT SELECT, INSERT, UPDATE, DELETE ON access.asked TO wattledger_door;
