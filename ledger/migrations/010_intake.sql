-- What the intake keeps beside the events: where it reads, what it has seen, what it refused, what waits, what leaves.

-- The next record of each Kafka partition, and the epoch of the consumer that owns it: a consumer that lost its
-- partition has an old epoch and can write nothing.
CREATE TABLE intake.position (
    topic text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    epoch bigint NOT NULL,
    -- The latest envelope time of the accepted events.
    event_time timestamptz,
    PRIMARY KEY (topic, partition)
);

-- How the records of each partition were taken, cumulative.
CREATE TABLE intake.tally (
    topic text COLLATE "C" NOT NULL,
    partition integer NOT NULL,
    accepted bigint NOT NULL DEFAULT 0,
    duplicates bigint NOT NULL DEFAULT 0,
    conflicts bigint NOT NULL DEFAULT 0,
    dead_lettered bigint NOT NULL DEFAULT 0,
    extra_fields bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (topic, partition)
);

-- Deduplication keys: a 16-byte hash of (source, id), and the digest of the content that was stored first.
CREATE TABLE intake.message (
    key uuid PRIMARY KEY,
    digest uuid NOT NULL
);
-- Records that were refused, kept whole so that they can be replayed after a fix.
CREATE TABLE intake.deadletter (
    deadletter_id uuid PRIMARY KEY,
    topic text COLLATE "C" NOT NULL,
    partition integer,
    record_offset bigint,
    record_key bytea,
    record_headers jsonb NOT NULL,
    record_value bytea,
    code text COLLATE "C" NOT NULL,
    path text NOT NULL,
    sentence text NOT NULL,
    event_source text COLLATE "C",
    event_id text COLLATE "C",
    event_type text COLLATE "C",
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    replayed_at timestamptz
);

-- Every version of operators, tariffs, locations and partners, in the order of arrival.
CREATE TABLE intake.catalogue (
    seq bigserial PRIMARY KEY,
    type text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    event_time timestamptz NOT NULL,
    data bytea NOT NULL
);

-- The last version of each session's stream, when the clock next matters to it, and what it depends on.
CREATE TABLE intake.session_head (
    session_id text COLLATE "C" PRIMARY KEY,
    version integer NOT NULL DEFAULT 0,
    due_at timestamptz,
    stale boolean NOT NULL DEFAULT false,
    operator_id text COLLATE "C" NOT NULL DEFAULT '',
    partner text COLLATE "C",
    latest_at timestamptz NOT NULL DEFAULT '-infinity',
    settled boolean NOT NULL DEFAULT false,
    awaits_location text COLLATE "C",
    presumed_at timestamptz,
    started_at timestamptz,
    -- Why the session could not be judged, while it is set aside.
    fault text
) WITH (fillfactor = 80);
CREATE INDEX session_head_due_idx ON intake.session_head (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX session_head_stale_idx ON intake.session_head (session_id) WHERE stale;
CREATE INDEX session_head_operator_idx ON intake.session_head (operator_id, latest_at);
CREATE INDEX session_head_waiting_idx ON intake.session_head (operator_id) WHERE NOT settled;
CREATE INDEX session_head_location_idx ON intake.session_head (operator_id, awaits_location)
    WHERE awaits_location IS NOT NULL;
CREATE INDEX session_head_presumed_idx ON intake.session_head (presumed_at) WHERE presumed_at IS NOT NULL;
CREATE INDEX session_head_fault_idx ON intake.session_head (session_id) WHERE fault IS NOT NULL;
CREATE INDEX session_head_partner_idx ON intake.session_head (partner, latest_at) WHERE partner IS NOT NULL;

-- The last version of every other stream; its row is the lock that writers of the stream take.
CREATE TABLE intake.stream_head (
    stream_id uuid PRIMARY KEY,
    version integer NOT NULL DEFAULT 0
);

-- Which session a payment or a CDR belongs to.
CREATE TABLE intake.reference (
    kind text COLLATE "C" NOT NULL,
    ref text COLLATE "C" NOT NULL,
    session_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (kind, ref, session_id)
);
CREATE INDEX reference_session_idx ON intake.reference (session_id);
-- Facts about a payment or a CDR that no session claims yet.
CREATE TABLE intake.parked (
    kind text COLLATE "C" NOT NULL,
    ref text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    event_time timestamptz NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (kind, ref, type, source, id)
);

-- What is to be sent, in order: a reference to the stored event or dead letter that it is made of.
CREATE TABLE intake.outbox (
    outbox_id bigserial PRIMARY KEY,
    topic text COLLATE "C" NOT NULL,
    record_key text COLLATE "C" NOT NULL,
    stream_id uuid,
    version integer,
    deadletter_id uuid,
    CHECK ((stream_id IS NOT NULL AND version IS NOT NULL) <> (deadletter_id IS NOT NULL))
);

-- The lines that payouts pay: each entry's effect on an operator's payable, with its release.
CREATE TABLE intake.line (
    entry_id uuid PRIMARY KEY,
    stream_id uuid NOT NULL,
    share text COLLATE "C" NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    amount bigint NOT NULL,
    released_at timestamptz,
    available_on date,
    reserve_release boolean NOT NULL DEFAULT false,
    payout_id text COLLATE "C"
) WITH (fillfactor = 80);
CREATE INDEX line_share_idx ON intake.line (stream_id, share) WHERE payout_id IS NULL;
CREATE INDEX line_payable_idx ON intake.line (operator_id) WHERE payout_id IS NULL AND released_at IS NOT NULL;

-- The last business date whose run has fired, by operator.
CREATE TABLE intake.run (
    operator_id text COLLATE "C" PRIMARY KEY,
    closed_through date NOT NULL
);
-- Payouts that later runs still have to look at: reserves held, and failed ones to be paid again.
CREATE TABLE intake.open_payout (
    payout_id text COLLATE "C" PRIMARY KEY,
    operator_id text COLLATE "C" NOT NULL,
    reserve_held boolean NOT NULL,
    failed boolean NOT NULL
);
CREATE INDEX open_payout_operator_idx ON intake.open_payout (operator_id) WHERE reserve_held OR failed;

GRANT INSERT ON intake.position, intake.tally, intake.session_head, intake.stream_head, intake.line, intake.run,
    intake.open_payout TO wattledger_writer;
GRANT UPDATE (next_offset, epoch, event_time) ON intake.position TO wattledger_writer;
GRANT UPDATE (accepted, duplicates, conflicts, dead_lettered, extra_fields) ON intake.tally TO wattledger_writer;
GRANT UPDATE (version, due_at, stale, operator_id, partner, latest_at, settled, awaits_location, presumed_at, started_at,
    fault) ON intake.session_head TO wattledger_writer;
GRANT UPDATE (version) ON intake.stream_head TO wattledger_writer;
-- What a line is worth is never changed; only when it may be paid, and by which payout it is.
GRANT UPDATE (released_at, available_on, payout_id) ON intake.line TO wattledger_writer;
GRANT UPDATE (closed_through) ON intake.run TO wattledger_writer;
GRANT UPDATE (reserve_held, failed) ON intake.open_payout TO wattledger_writer;
GRANT INSERT ON intake.message, intake.catalogue, intake.reference TO wattledger_writer;
GRANT INSERT, UPDATE (replayed_at) ON intake.deadletter TO wattledger_writer;
GRANT INSERT, DELETE ON intake.parked, intake.outbox TO wattledger_writer;
-- Locking a row of them asks for a right to change it.
GRANT UPDATE (event_time) ON intake.parked TO wattledger_writer;
GRANT UPDATE (topic) ON intake.outbox TO wattledger_writer;
GRANT USAGE ON SEQUENCE intake.catalogue_seq_seq, intake.outbox_outbox_id_seq TO wattledger_writer;
