-- The read models, and how far each has followed the event store.
--
-- Every row belongs to a generation of its projection, and the views show the live one. A rebuild fills another
-- generation beside it and becomes live by changing one row: readers see all of the old or all of the new, and wait
-- for nobody.

CREATE TABLE projection.generation (
    name text COLLATE "C" NOT NULL,
    generation integer NOT NULL CHECK (generation >= 1),
    position bigint NOT NULL DEFAULT 0 CHECK (position >= 0),
    live boolean NOT NULL DEFAULT false,
    PRIMARY KEY (name, generation)
);
CREATE UNIQUE INDEX generation_live_key ON projection.generation (name) WHERE live;
INSERT INTO projection.generation (name, generation, live)
VALUES ('sessions', 1, true), ('operator_balances', 1, true), ('cdrs', 1, true), ('payouts', 1, true);

-- What each session came to; amounts in minor units, absent where there is no bill.
CREATE TABLE projection.session_row (
    generation integer NOT NULL,
    session_id text COLLATE "C" NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    reason text NOT NULL,
    energy_wh numeric,
    currency text COLLATE "C",
    net bigint,
    vat bigint,
    gross bigint,
    commission bigint,
    commission_vat bigint,
    operator_share bigint,
    shortfall bigint NOT NULL,
    PRIMARY KEY (generation, session_id)
) WITH (fillfactor = 80);

-- What operators are owed and were paid, positive in their favour; `standing` counts the bookings that stand behind
-- it, so that an operator whose only booking was taken back is as one who never had any.
CREATE TABLE projection.operator_balance_row (
    generation integer NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    pending bigint NOT NULL,
    available bigint NOT NULL,
    reserved bigint NOT NULL,
    disputed bigint NOT NULL,
    in_transit bigint NOT NULL,
    paid_out bigint NOT NULL,
    standing bigint NOT NULL,
    PRIMARY KEY (generation, operator_id, currency)
) WITH (fillfactor = 50);

-- Every CDR and credit CDR that went out; `number` counts the CDRs of a session. The type json keeps the document's
-- text as it is.
CREATE TABLE projection.cdr_row (
    generation integer NOT NULL,
    session_id text COLLATE "C" NOT NULL,
    number integer NOT NULL,
    credit boolean NOT NULL,
    cdr_id text COLLATE "C" NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    issued_at timestamptz NOT NULL,
    document json NOT NULL,
    PRIMARY KEY (generation, session_id, number, credit)
);
CREATE UNIQUE INDEX cdr_row_id_key ON projection.cdr_row (generation, cdr_id);

-- Every payout with its batch and the entries it pays.
CREATE TABLE projection.payout_row (
    generation integer NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    business_date date NOT NULL,
    attempt integer NOT NULL,
    payout_id text COLLATE "C" NOT NULL,
    batch_id text COLLATE "C" NOT NULL,
    amount bigint NOT NULL,
    reserve bigint NOT NULL,
    status text COLLATE "C" NOT NULL,
    status_at timestamptz NOT NULL,
    reason text,
    fired_at timestamptz NOT NULL,
    reissue_of text COLLATE "C",
    holder_name text NOT NULL,
    country_code text COLLATE "C" NOT NULL,
    bank_account jsonb NOT NULL,
    entry_ids uuid[] NOT NULL,
    PRIMARY KEY (generation, operator_id, currency, business_date, attempt)
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX payout_row_id_key ON projection.payout_row (generation, payout_id);

CREATE VIEW projection.sessions AS
SELECT session_id, operator_id, state, reason, energy_wh, currency, net, vat, gross, commission, commission_vat,
       operator_share, shortfall
FROM projection.session_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'sessions');

CREATE VIEW projection.operator_balances AS
SELECT operator_id, currency, pending, available, reserved, disputed, in_transit, paid_out
FROM projection.operator_balance_row
WHERE standing > 0 AND generation = (
    SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'operator_balances'
);

CREATE VIEW projection.cdrs AS
SELECT session_id, number, credit, cdr_id, operator_id, issued_at, document
FROM projection.cdr_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'cdrs');

CREATE VIEW projection.payouts AS
SELECT operator_id, currency, business_date, attempt, payout_id, batch_id, amount, reserve, status, status_at, reason,
       fired_at, reissue_of, holder_name, country_code, bank_account, entry_ids
FROM projection.payout_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'payouts');
