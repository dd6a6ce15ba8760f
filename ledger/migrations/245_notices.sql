-- Notices: what operators are told of what happens, by which subscription, and what came of it. Nobody but the door's role
-- sees any of it; what is to be told is put by who follows the store, in the transaction of its position.

-- Subscriptions as operators set them (`operator.notify_set`), every version; of those that are in effect the one with the
-- latest (at, source, id) counts. `data` is that of the message. `position` is that of its event in the store.
CREATE TABLE access.notice_version (
    target_id text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    source text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    data jsonb NOT NULL,
    PRIMARY KEY (target_id, at, source, id)
);

-- Each subscription as its version in effect says; `id` is OPERATOR/SUBSCRIPTION, `(version_at, version_source, version_id)`
-- that version. It hears of what happened from `since` on and was stored behind `since_position`: the first version of
-- all. `operator_name`, `zone` and `country` are the operator's. DISABLED is one that its version switches off, or that
-- cannot be reached, or that its reader does not want any more: until a later version. The rest is as for endpoints of
-- webhooks; one that was never sent anything has no secret. `digested_at` is up to when digests were made.
CREATE TABLE access.notice_target (
    id text COLLATE "C" PRIMARY KEY,
    operator_id text COLLATE "C" NOT NULL,
    subscription_id text COLLATE "C" NOT NULL,
    since timestamptz NOT NULL,
    since_position bigint NOT NULL,
    version_at timestamptz NOT NULL,
    version_source text COLLATE "C" NOT NULL,
    version_id text COLLATE "C" NOT NULL,
    data jsonb NOT NULL,
    channel text COLLATE "C" NOT NULL CHECK (channel IN ('WEBHOOK', 'MAIL')),
    target text NOT NULL,
    digest text COLLATE "C" NOT NULL CHECK (digest IN ('NONE', 'HOURLY', 'DAILY')),
    operator_name text NOT NULL,
    zone text COLLATE "C" NOT NULL,
    country text COLLATE "C",
    state text COLLATE "C" NOT NULL DEFAULT 'ENABLED' CHECK (state IN ('ENABLED', 'DISABLED')),
    reason text CHECK ((reason IS NULL) = (state = 'ENABLED')),
    disabled_at timestamptz CHECK ((disabled_at IS NULL) = (state = 'ENABLED')),
    secret bytea,
    previous_secret bytea,
    previous_until timestamptz CHECK ((previous_until IS NULL) = (previous_secret IS NULL)),
    failures int NOT NULL DEFAULT 0,
    failing_since timestamptz,
    not_before timestamptz,
    delivered_at timestamptz,
    digested_at timestamptz NOT NULL,
    UNIQUE (operator_id, subscription_id)
);

-- What is told, once a subscription: `id` is a UUIDv5 of it, type, cause and since when, so that it is made once, however
-- often it is tried. `is_end` says that what began at `occurred_at` is over; of a beginning `ended_at` says when it was.
-- `has_end` marks what is open until then. `digest_id` is the digest that it went out in. No secrets are in `data`.
CREATE TABLE access.notice (
    id uuid PRIMARY KEY,
    target_id text COLLATE "C" NOT NULL REFERENCES access.notice_target,
    operator_id text COLLATE "C" NOT NULL,
    subscription_id text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    severity text COLLATE "C" NOT NULL CHECK (severity IN ('INFO', 'WARNING', 'CRITICAL')),
    cause text COLLATE "C" NOT NULL,
    occurred_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    is_end boolean NOT NULL DEFAULT false,
    has_end boolean NOT NULL DEFAULT false,
    ended_at timestamptz CHECK (ended_at IS NULL OR has_end),
    digest_id uuid,
    data jsonb NOT NULL CHECK (octet_length(data::text) < 20000)
);
CREATE INDEX notice_created_idx ON access.notice (created_at DESC, id DESC);
CREATE INDEX notice_operator_idx ON access.notice (operator_id, created_at DESC, id DESC);
CREATE INDEX notice_open_idx ON access.notice (operator_id, type, cause) WHERE has_end AND ended_at IS NULL;
CREATE INDEX notice_digest_idx ON access.notice (digest_id) WHERE digest_id IS NOT NULL;

-- What came of each notice: HELD waits for the end of quiet hours, BUNDLED for the digest of `next_at` and is never sent by
-- itself. `id` is its webhook-id. The rest is as for deliveries of webhooks.
CREATE TABLE access.notice_delivery (
    id text COLLATE "C" PRIMARY KEY,
    notice_id uuid NOT NULL UNIQUE REFERENCES access.notice ON DELETE CASCADE,
    target_id text COLLATE "C" NOT NULL REFERENCES access.notice_target,
    channel text COLLATE "C" NOT NULL,
    target text NOT NULL,
    status text COLLATE "C" NOT NULL CHECK (status IN ('HELD', 'BUNDLED', 'PENDING', 'DELIVERED', 'FAILED')),
    attempts int NOT NULL DEFAULT 0,
    step int NOT NULL DEFAULT 0,
    next_at timestamptz CHECK (next_at IS NOT NULL OR status NOT IN ('HELD', 'PENDING')),
    created_at timestamptz NOT NULL,
    attempted_at timestamptz,
    answer smallint,
    error text
);
CREATE INDEX notice_delivery_due_idx ON access.notice_delivery (target_id, next_at, id) WHERE status IN ('HELD', 'PENDING');
CREATE INDEX notice_delivery_bundled_idx ON access.notice_delivery (target_id, next_at, id)
    WHERE status = 'BUNDLED' AND next_at IS NOT NULL;
CREATE INDEX notice_delivery_created_idx ON access.notice_delivery (created_at);

-- What goes on for a while: whether it does, since when, and what was told of it. `told_since` is the beginning that was
-- told and whose end was not; `told_at` when a beginning was told last; `untold` came and went since then.
CREATE TABLE access.notice_cause (
    operator_id text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    cause text COLLATE "C" NOT NULL,
    is_open boolean NOT NULL,
    since timestamptz NOT NULL,
    told_since timestamptz,
    told_at timestamptz,
    untold int NOT NULL DEFAULT 0,
    severity text COLLATE "C" NOT NULL,
    position bigint,
    data jsonb NOT NULL,
    PRIMARY KEY (operator_id, type, cause)
) WITH (fillfactor = 80);
CREATE INDEX notice_cause_held_idx ON access.notice_cause (told_at) WHERE is_open AND told_since IS NULL;
CREATE INDEX notice_cause_closed_idx ON access.notice_cause (told_at) WHERE NOT is_open;

-- What is found by others than who follows the store, until it is told: beginnings, ends, and what has no end (`is_open`
-- is null).
CREATE TABLE access.notice_raised (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    operator_id text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    cause text COLLATE "C" NOT NULL,
    severity text COLLATE "C" NOT NULL CHECK (severity IN ('INFO', 'WARNING', 'CRITICAL')),
    occurred_at timestamptz NOT NULL,
    is_open boolean,
    data jsonb NOT NULL CHECK (octet_length(data::text) < 16000)
);

-- How far the store was followed, and when what only time brings was looked at last. What was stored before there were
-- subscriptions is told to nobody.
CREATE TABLE access.notice_position (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    position bigint NOT NULL,
    looked_at jsonb NOT NULL DEFAULT '{}'
);
INSERT INTO access.notice_position (position) VALUES (0);

GRANT SELECT, INSERT, UPDATE, DELETE ON access.notice_version, access.notice_target, access.notice,
    access.notice_delivery, access.notice_cause, access.notice_raised TO wattledger_door;
GRANT SELECT, UPDATE ON access.notice_position TO wattledger_door;
