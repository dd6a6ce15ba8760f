-- CDRs on their way to who pays them: each until it is accepted or refused, whoever carries it, a connection or a file.

-- One row for each CDR object, by the party that pays; it stays when a connection ends, so that another one repeats nothing.
-- `cdr_id` is as it was issued, `created` that of the object: of one session a credit CDR stands before the CDR that takes the
-- place of what it credits. `attempts` counts those that were begun, since an answer may be lost; `next_at` is when another one
-- may begin. `orders` counts how often people had it sent again, `accepted_at` is since when it stands accepted, also while it
-- is sent again. `location_url` is where the partner says that it can be read, `read_back` whether it ever could be, null
-- where nobody tried. `told` is since when the book is known to be told of the answer; partition and offset say where, null
-- where the answer came from the book.
CREATE TABLE roaming.delivery (
    partner text COLLATE "C" NOT NULL CHECK (partner ~ '^[A-Z]{2}-[A-Z0-9]{3}$'),
    object_id text COLLATE "C" NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    session_id text COLLATE "C" NOT NULL,
    cdr_id text COLLATE "C" NOT NULL,
    created bigint NOT NULL,
    since timestamptz NOT NULL DEFAULT clock_timestamp(),
    state text COLLATE "C" NOT NULL DEFAULT 'WAITING' CHECK (state IN ('WAITING', 'ACCEPTED', 'REFUSED', 'EXPIRED')),
    next_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempts integer NOT NULL DEFAULT 0,
    first_at timestamptz,
    orders integer NOT NULL DEFAULT 0,
    ordered_at timestamptz,
    answered_at timestamptz,
    accepted_at timestamptz,
    reason text,
    location_url text,
    read_back boolean,
    told timestamptz,
    told_partition integer,
    told_offset bigint,
    PRIMARY KEY (partner, object_id, operator_id),
    CHECK ((state IN ('ACCEPTED', 'REFUSED')) = (answered_at IS NOT NULL)),
    CHECK (state <> 'ACCEPTED' OR accepted_at IS NOT NULL),
    CHECK (told IS NULL OR answered_at IS NOT NULL)
);
-- What is due, and what of the same session goes before it.
CREATE INDEX delivery_due_idx ON roaming.delivery (partner, next_at, created) WHERE state = 'WAITING';
CREATE INDEX delivery_session_idx ON roaming.delivery (partner, operator_id, session_id, created) WHERE state = 'WAITING';
-- Answers of which the book is to be told; how many there are in each state, and those of the last days.
CREATE INDEX delivery_untold_idx ON roaming.delivery (answered_at) WHERE told IS NULL AND answered_at IS NOT NULL;
CREATE INDEX delivery_state_idx ON roaming.delivery (partner, state, answered_at);
-- Whether any of a partner could ever be read back.
CREATE INDEX delivery_read_back_idx ON roaming.delivery (partner) WHERE read_back;

-- CDRs that are visible already wait until their answers are read from the beginning on.
INSERT INTO roaming.delivery (partner, object_id, operator_id, session_id, cdr_id, created, since)
SELECT partner, object_id, operator_id, cdr ->> 'session_id', cdr ->> 'id', created, last_updated
FROM roaming.object, LATERAL (SELECT convert_from(document, 'UTF8')::jsonb AS cdr) AS parsed
WHERE module = 'cdrs' AND partner <> '';
INSERT INTO roaming.position (module) VALUES ('answers');

-- When accepted CDRs were last read back from a connection by themselves, and what was found.
CREATE TABLE roaming.gap_check (
    connection text COLLATE "C" PRIMARY KEY REFERENCES access.ocpi_partner (party) ON DELETE CASCADE,
    next_at timestamptz NOT NULL,
    at timestamptz,
    said text
);

GRANT SELECT, INSERT, UPDATE ON roaming.gap_check TO wattledger_door;
GRANT SELECT ON roaming.gap_check TO wattledger_auditor;
GRANT SELECT, INSERT, UPDATE ON roaming.delivery TO wattledger_projector, wattledger_door;
GRANT SELECT ON roaming.delivery TO wattledger_auditor;
-- Who pushes acts as the door, and reads what it sends.
GRANT USAGE ON SCHEMA roaming TO wattledger_door;
GRANT SELECT ON roaming.object TO wattledger_door;
