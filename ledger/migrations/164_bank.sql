-- What is known of bank accounts of ours beside the streams of their entries.

-- Lines that may be money which was told of: the names that their texts hold, and how much of them was told of.
CREATE TABLE intake.bank_line (
    entry_reference text COLLATE "C" PRIMARY KEY,
    stream_id uuid NOT NULL,
    booked_at timestamptz NOT NULL,
    currency text COLLATE "C" NOT NULL,
    amount bigint NOT NULL,
    names text[] COLLATE "C" NOT NULL,
    confirmed text NOT NULL DEFAULT ''
);
CREATE INDEX bank_line_names_idx ON intake.bank_line USING gin (names);
CREATE INDEX bank_line_stream_idx ON intake.bank_line (stream_id);

-- Settlements and paid invoices as they stand on the book, a row for each stream and currency; `subject` has the parts
-- of one settlement together.
CREATE TABLE intake.told_receipt (
    stream_id uuid NOT NULL,
    currency text COLLATE "C" NOT NULL,
    subject text COLLATE "C" NOT NULL,
    name text COLLATE "C" NOT NULL,
    told_at timestamptz NOT NULL,
    amount bigint NOT NULL,
    PRIMARY KEY (stream_id, currency)
);
CREATE INDEX told_receipt_name_idx ON intake.told_receipt (name, currency);

INSERT INTO intake.told_receipt (stream_id, currency, subject, name, told_at, amount)
SELECT originator_id, booking ->> 'currency',
    min(coalesce('settlement ' || (booking ->> 'settlement_id') || ' of ' || (booking ->> 'provider'),
                 'invoice ' || (booking ->> 'invoice_id') || ' of ' || (booking ->> 'partner'))),
    min(upper(regexp_replace(coalesce(booking ->> 'settlement_id', booking ->> 'invoice_id'), '[^0-9A-Za-z]', '', 'g'))),
    min((booking ->> 'effective_at')::timestamptz), sum((booking ->> 'amount')::bigint)
FROM (
    SELECT DISTINCT ON (originator_id, body -> 'booking' ->> 'key') originator_id, topic, body -> 'booking' AS booking
    FROM event_store.stored_events
    CROSS JOIN LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
    WHERE topic IN ('Booked.SettlementReceived', 'Retracted.SettlementReceived', 'Booked.InvoicePaid',
                    'Retracted.InvoicePaid')
    ORDER BY originator_id, body -> 'booking' ->> 'key', originator_version DESC
) AS last
WHERE topic LIKE 'Booked.%'
GROUP BY originator_id, booking ->> 'currency';

-- Statements by the bank's own numbers, which begin anew each year.
CREATE TABLE intake.bank_statement (
    account text COLLATE "C" NOT NULL,
    year int NOT NULL,
    number bigint NOT NULL,
    stream_id uuid NOT NULL,
    PRIMARY KEY (account, year, number)
);

-- Bank files by the id at the end of their name, by which banks name them: its 36 characters and `.xml`.
CREATE INDEX bank_file_id_idx ON intake.bank_file (right(name, 40));

GRANT INSERT, DELETE, UPDATE ON intake.bank_line, intake.told_receipt TO wattledger_writer;
GRANT INSERT ON intake.bank_statement TO wattledger_writer;
