-- Until when a payout could pay a session ahead of its driver; NULL for all sessions that were paid in time.
ALTER TABLE intake.session_head ADD COLUMN ahead_until timestamptz;
CREATE INDEX session_head_ahead_idx ON intake.session_head (operator_id, ahead_until) WHERE ahead_until IS NOT NULL;
GRANT UPDATE (ahead_until) ON intake.session_head TO wattledger_writer;

-- What payouts take from the account of client money: from when it was handed off until it was on its way no more (the
-- bank booked it, or said no). `left_at` is infinity while it is on its way; both are NULL for a payout that waits for
-- somebody's approval.
ALTER TABLE intake.open_payout ADD COLUMN currency text COLLATE "C", ADD COLUMN amount bigint,
    ADD COLUMN sent_at timestamptz, ADD COLUMN left_at timestamptz,
    -- Whether it is known if client money paid for it when it was handed off.
    ADD COLUMN weighed boolean NOT NULL DEFAULT true;
UPDATE intake.open_payout AS payout
SET currency = transit.currency, amount = transit.amount, sent_at = transit.sent_at, left_at = transit.left_at
FROM (
    SELECT substr(account, 6) AS payout_id, posting.currency,
           -sum(amount_minor) FILTER (WHERE kind IN ('J35', 'J40')) AS amount,
           min(effective_at) FILTER (WHERE kind IN ('J35', 'J40')) AS sent_at,
           CASE WHEN sum(amount_minor) = 0 THEN max(effective_at) ELSE 'infinity' END AS left_at
    FROM book.posting JOIN book.entry USING (entry_id)
    WHERE account LIKE '2050/%'
    GROUP BY account, posting.currency
) AS transit
WHERE transit.payout_id = payout.payout_id;
CREATE INDEX open_payout_transit_idx ON intake.open_payout (left_at) WHERE left_at IS NOT NULL;
CREATE INDEX open_payout_weighed_idx ON intake.open_payout (payout_id) WHERE NOT weighed;
GRANT UPDATE (currency, amount, sent_at, left_at, weighed) ON intake.open_payout TO wattledger_writer;

-- Operators of whom something is found that is not over; what it is stands in their streams.
CREATE TABLE intake.operator_finding (
    operator_id text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    PRIMARY KEY (operator_id, key)
);
GRANT INSERT, DELETE ON intake.operator_finding TO wattledger_writer;

-- Sessions whose drivers owe something by now are judged once more, so that this is noted of them.
UPDATE intake.session_head AS head SET stale = true
FROM (
    SELECT substr(account, 6) AS session_id FROM book.balance WHERE account LIKE '1105/%'
    GROUP BY account HAVING sum(debits) > sum(credits)
) AS owing
WHERE head.session_id = owing.session_id AND NOT stale;
