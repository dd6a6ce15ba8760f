-- Who may come in by HTTP, with what, and what they did. Nobody but the door's role sees any of it.
CREATE SCHEMA access;
GRANT USAGE ON SCHEMA access TO wattledger_door;

-- What a person or a program may be. What each may read and do is the API's table.
CREATE DOMAIN access.role AS text COLLATE "C"
    CHECK (VALUE IN ('operator', 'finance', 'approver', 'auditor', 'processor', 'admin'));
-- An operator's people and keys name its operators; all others name none. Ids are printable, so that a list of
-- them can be written with one a line.
CREATE DOMAIN access.operators AS text[]
    CHECK (array_position(VALUE, NULL) IS NULL AND strpos(array_to_string(VALUE, ','), E'\n') = 0);

-- People: with a password of ours, or known by an issuer of OpenID Connect under its own subject. A name is one
-- person's for good, whatever its capitals (`folded`): who decided what is told by it.
CREATE TABLE access.person (
    name text COLLATE "C" PRIMARY KEY CHECK (name <> '' AND name NOT LIKE 'key:%'),
    folded text COLLATE "C" NOT NULL UNIQUE,
    role access.role NOT NULL,
    operators access.operators NOT NULL,
    password_hash text,
    issuer text COLLATE "C",
    subject text COLLATE "C",
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    signed_in_at timestamptz,
    disabled_at timestamptz,
    CHECK ((role = 'operator') = (cardinality(operators) > 0)),
    CHECK ((issuer IS NULL) = (subject IS NULL)),
    CHECK (password_hash IS NULL OR issuer IS NULL),
    UNIQUE (issuer, subject)
);

-- Keys of programs. Of the secret only its SHA-256 is kept; `acts_for` is the person a key was made for.
CREATE TABLE access.api_key (
    id text COLLATE "C" PRIMARY KEY CHECK (id ~ '^[0-9a-f]{16}$'),
    secret_sha256 bytea NOT NULL CHECK (octet_length(secret_sha256) = 32),
    name text NOT NULL,
    role access.role NOT NULL,
    operators access.operators NOT NULL,
    acts_for text COLLATE "C" CHECK (acts_for <> '' AND acts_for NOT LIKE 'key:%'),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by text COLLATE "C" NOT NULL,
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    -- Of a key that was asked for over HTTP: the Idempotency-Key, and the digest of what was asked.
    asked_by_key text COLLATE "C",
    asked_sha256 bytea CHECK (octet_length(asked_sha256) = 32),
    CHECK ((role = 'operator') = (cardinality(operators) > 0)),
    CHECK ((asked_by_key IS NULL) = (asked_sha256 IS NULL)),
    UNIQUE (created_by, asked_by_key)
);
CREATE INDEX api_key_created_idx ON access.api_key (created_at DESC, id DESC);

-- Sessions of browsers, by the SHA-256 of their cookie.
CREATE TABLE access.session (
    cookie_sha256 bytea PRIMARY KEY CHECK (octet_length(cookie_sha256) = 32),
    person text COLLATE "C" NOT NULL REFERENCES access.person ON UPDATE RESTRICT,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ended_at timestamptz
);
CREATE INDEX session_created_idx ON access.session (created_at);
CREATE INDEX session_person_idx ON access.session (person);

-- Sign-ins that failed or are under way, by the SHA-256 of the name that was typed, which may be a password.
CREATE TABLE access.sign_in_failure (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name_sha256 bytea NOT NULL CHECK (octet_length(name_sha256) = 32),
    at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX sign_in_failure_name_idx ON access.sign_in_failure (name_sha256, at);
CREATE INDEX sign_in_failure_at_idx ON access.sign_in_failure (at);

-- Who read or did what. Neither bodies nor credentials; a principal is none where nobody was known.
CREATE TABLE access.audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    request_id text COLLATE "C" NOT NULL,
    principal text COLLATE "C",
    role text COLLATE "C",
    method text COLLATE "C" NOT NULL,
    path text COLLATE "C" NOT NULL,
    status smallint NOT NULL,
    object text COLLATE "C"
);
CREATE INDEX audit_log_principal_idx ON access.audit_log (principal, id);
CREATE INDEX audit_log_request_idx ON access.audit_log (request_id, id);
CREATE INDEX audit_log_object_idx ON access.audit_log (object, id) WHERE object IS NOT NULL;
CREATE INDEX audit_log_at_idx ON access.audit_log (at, id);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON access.audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION wattledger.refuse_change();
ALTER TABLE access.audit_log ENABLE ALWAYS TRIGGER append_only;

-- Each answer says how far the read models are, that of the audit log too.
GRANT USAGE ON SCHEMA projection TO wattledger_door;
GRANT SELECT ON projection.generation TO wattledger_door;

-- People and keys are ended, never removed: what they did is told by their names.
GRANT SELECT, INSERT, UPDATE ON access.person TO wattledger_door;
GRANT SELECT, INSERT, UPDATE (last_used_at, revoked_at) ON access.api_key TO wattledger_door;
GRANT SELECT, INSERT, UPDATE (last_seen_at, ended_at), DELETE ON access.session TO wattledger_door;
GRANT SELECT, INSERT, DELETE ON access.sign_in_failure TO wattledger_door;
GRANT SELECT, INSERT (at, request_id, principal, role, method, path, status, object) ON access.audit_log
    TO wattledger_door;
