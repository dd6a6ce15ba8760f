-- What roaming partners' drivers charge by: OCPI tokens, as each partner brought them or as they were pulled of it.

-- `connection` is the partner by whose connection a token came, `party` who issued it (the same, or one behind a hub),
-- both COUNTRY-PARTY in capitals. `type` and `uid` are folded, since ids compare without case (OCPI types, CiString);
-- `document` is the object as it was given, in ASCII JSON. `created` is the order in which tokens were first heard of.
-- A driver's card is nobody's business but the door's role: neither auditors nor operators read these.
CREATE TABLE access.charge_token (
    connection text COLLATE "C" NOT NULL CHECK (connection ~ '^[A-Z]{2}-[A-Z0-9]{3}$'),
    party text COLLATE "C" NOT NULL CHECK (party ~ '^[A-Z]{2}-[A-Z0-9]{3}$'),
    type text COLLATE "C" NOT NULL,
    uid text COLLATE "C" NOT NULL,
    created bigint GENERATED ALWAYS AS IDENTITY,
    last_updated timestamptz NOT NULL,
    document bytea NOT NULL,
    PRIMARY KEY (connection, party, type, uid)
);
-- Whose token it is that a driver holds before a reader.
CREATE INDEX charge_token_uid_idx ON access.charge_token (uid, type);

-- Lists of tokens that are pulled of partners: each is taken by one process at a time, which says so again with every
-- page; `until` is when another one may take it, `next_at` when it is due. A fault leaves what came by then.
CREATE TABLE access.charge_token_pull (
    connection text COLLATE "C" PRIMARY KEY,
    next_at timestamptz NOT NULL,
    until timestamptz,
    begun_at timestamptz,
    done_at timestamptz,
    seen bigint NOT NULL DEFAULT 0,
    refused bigint NOT NULL DEFAULT 0,
    failures integer NOT NULL DEFAULT 0,
    reason text
);

-- What was answered to who asked whether a driver may charge, so that the same question has the same answer; for days.
CREATE TABLE access.charge_answer (
    source text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,
    record_key text NOT NULL,
    answer bytea NOT NULL,
    answered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (source, id)
);
CREATE INDEX charge_answer_age_idx ON access.charge_answer (answered_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON access.charge_token, access.charge_token_pull TO wattledger_door;
GRANT SELECT, INSERT, DELETE ON access.charge_answer TO wattledger_door;
