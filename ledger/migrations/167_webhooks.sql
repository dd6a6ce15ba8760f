-- Webhooks: who is told of what over HTTP, what is to be told, and what came of it. Nobody but the door's role sees any of it.

-- Where messages go. Secrets are sealed with a key that is not in the database; while a secret is replaced the one before
-- it signs too, until `previous_until`. `failures` counts attempts in a row that failed, since `failing_since`; before
-- `not_before` nothing is sent there. `since` is the position of the event store behind which it hears of events.
CREATE TABLE access.webhook_endpoint (
    id text COLLATE "C" PRIMARY KEY CHECK (id ~ '^[0-9a-f]{16}$'),
    url text NOT NULL,
    types text[] NOT NULL CHECK (cardinality(types) > 0),
    state text COLLATE "C" NOT NULL DEFAULT 'ENABLED' CHECK (state IN ('ENABLED', 'DISABLED')),
    reason text CHECK ((reason IS NULL) = (state = 'ENABLED')),
    secret bytea NOT NULL,
    previous_secret bytea,
    previous_until timestamptz CHECK ((previous_until IS NULL) = (previous_secret IS NULL)),
    since bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by text COLLATE "C" NOT NULL,
    failures int NOT NULL DEFAULT 0,
    failing_since timestamptz,
    not_before timestamptz,
    delivered_at timestamptz
);
CREATE INDEX webhook_endpoint_created_idx ON access.webhook_endpoint (created_at DESC, id DESC);

-- What is told: the bytes that are signed, once for all endpoints. `event_id` is that of the stored event or dead letter.
CREATE TABLE access.webhook_message (
    event_id uuid NOT NULL,
    type text COLLATE "C" NOT NULL,
    body bytea NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (event_id, type)
);
CREATE INDEX webhook_message_created_idx ON access.webhook_message (created_at);

-- Each message for each endpoint; `id` is its webhook-id. `step` is its place in the schedule of attempts, `next_at` when
-- it is due; who sends it moves that behind the time that it takes, so that another sends it if nothing is heard.
CREATE TABLE access.webhook_delivery (
    id text COLLATE "C" PRIMARY KEY,
    endpoint_id text COLLATE "C" NOT NULL REFERENCES access.webhook_endpoint ON DELETE CASCADE,
    event_id uuid NOT NULL,
    type text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL DEFAULT 'PENDING' CHECK (status IN ('PENDING', 'DELIVERED', 'FAILED')),
    attempts int NOT NULL DEFAULT 0,
    step int NOT NULL DEFAULT 0,
    next_at timestamptz CHECK ((next_at IS NULL) = (status <> 'PENDING')),
    created_at timestamptz NOT NULL,
    attempted_at timestamptz,
    answer smallint,
    error text,
    FOREIGN KEY (event_id, type) REFERENCES access.webhook_message
);
CREATE INDEX webhook_delivery_due_idx ON access.webhook_delivery (endpoint_id, next_at, id) WHERE status = 'PENDING';
CREATE INDEX webhook_delivery_listed_idx ON access.webhook_delivery (endpoint_id, created_at DESC, id DESC);
CREATE INDEX webhook_delivery_message_idx ON access.webhook_delivery (event_id, type);
CREATE INDEX webhook_delivery_created_idx ON access.webhook_delivery (created_at);

-- How far the event store was followed. What was stored before there were endpoints is told to nobody.
CREATE TABLE access.webhook_position (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    position bigint NOT NULL
);
INSERT INTO access.webhook_position (position)
SELECT coalesce(max(notification_id), 0) FROM event_store.stored_events;

-- Dead letters are no events of the store: those that are to be told are noted as they are written.
CREATE TABLE access.webhook_letter (
    deadletter_id uuid PRIMARY KEY
);
CREATE FUNCTION access.note_letter() RETURNS trigger
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF EXISTS (
        SELECT FROM access.webhook_endpoint WHERE state = 'ENABLED' AND 'dead_letter.created' = ANY (types)
    ) THEN
        INSERT INTO access.webhook_letter (deadletter_id) VALUES (NEW.deadletter_id) ON CONFLICT DO NOTHING;
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION access.note_letter() FROM PUBLIC;
CREATE TRIGGER note_letter AFTER INSERT ON intake.deadletter FOR EACH ROW EXECUTE FUNCTION access.note_letter();

GRANT SELECT, INSERT, UPDATE, DELETE ON access.webhook_endpoint, access.webhook_delivery, access.webhook_letter
    TO wattledger_door;
GRANT SELECT, INSERT, UPDATE (created_at), DELETE ON access.webhook_message TO wattledger_door;
GRANT SELECT, UPDATE ON access.webhook_position TO wattledger_door;
