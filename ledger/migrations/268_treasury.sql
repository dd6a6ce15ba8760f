-- What the treasury is judged by, beside what was said of each conversion, deal and invoice itself: each row follows from
-- one stored event, but for what stands before an exchange, which follows from those before it.
CREATE TABLE intake.fx_rate (
    base text COLLATE "C" NOT NULL,
    quote text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    source text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    rate numeric NOT NULL CHECK (rate > 0),
    PRIMARY KEY (source, id)
);
CREATE INDEX fx_rate_pair_idx ON intake.fx_rate (base, quote, at, source, id);

-- Conversions with their amounts, deals with theirs below zero, in the order in which they act; and the position before.
CREATE TABLE intake.fx_move (
    stream_id uuid PRIMARY KEY,
    sold_currency text COLLATE "C" NOT NULL,
    bought_currency text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    source text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    operator_id text COLLATE "C" NOT NULL,
    sold bigint NOT NULL,
    bought bigint NOT NULL,
    sold_before bigint NOT NULL,
    bought_before bigint NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX fx_move_order_idx ON intake.fx_move (sold_currency, bought_currency, at, source, id);
CREATE INDEX fx_move_operator_idx ON intake.fx_move (operator_id, sold_currency);

-- Fees of hubs as sessions have accrued them, by the booking's key.
CREATE TABLE intake.hub_fee (
    stream_id uuid NOT NULL,
    key text COLLATE "C" NOT NULL,
    hub_id text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    vat_code text COLLATE "C" NOT NULL,
    fee bigint NOT NULL,
    fee_vat bigint NOT NULL,
    PRIMARY KEY (stream_id, key)
);
CREATE INDEX hub_fee_at_idx ON intake.hub_fee (hub_id, currency, at);

-- Invoices of hubs, and the time of which they take what was accrued; `until` is no part of it.
CREATE TABLE intake.hub_invoice (
    stream_id uuid PRIMARY KEY,
    hub_id text COLLATE "C" NOT NULL,
    currency text COLLATE "C" NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    at timestamptz NOT NULL,
    source text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL
);
CREATE INDEX hub_invoice_hub_idx ON intake.hub_invoice (hub_id, currency);

GRANT INSERT ON intake.fx_rate TO wattledger_writer;
GRANT INSERT, UPDATE ON intake.fx_move, intake.hub_invoice TO wattledger_writer;
GRANT INSERT, UPDATE, DELETE ON intake.hub_fee TO wattledger_writer;

-- One transaction at a time judges what depends on other streams of the treasury, or changes that.
CREATE TABLE lock.treasury ();
GRANT DELETE ON lock.treasury TO wattledger_writer;
