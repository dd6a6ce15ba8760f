-- Energy as a commodity, in Wh: the accounts 9100 (meter register of an EVSE), 9110 (to be billed, by session) and 9120
-- (billed, by CDR). J60 says what a session's meter counted, J61 what a CDR billed of it. An entry is one row with the
-- account it debits and the one it credits, so it cannot be out of balance; the views are of the live read models.

ALTER TABLE projection.session_row ADD COLUMN evse_uid text COLLATE "C", ADD COLUMN metered jsonb,
    ADD COLUMN partner text COLLATE "C";
ALTER TABLE projection.cdr_row ADD COLUMN energy_wh numeric;
UPDATE projection.cdr_row SET energy_wh = (document ->> 'total_energy')::numeric * 1000;
UPDATE projection.session_row SET metered = jsonb_build_array(jsonb_build_array(NULL, energy_wh::text))
WHERE energy_wh IS NOT NULL;

CREATE OR REPLACE VIEW projection.sessions AS
SELECT session_id, operator_id, state, reason, energy_wh, currency, net, vat, gross, commission, commission_vat,
       operator_share, shortfall, evse_uid, metered, partner
FROM projection.session_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'sessions');

CREATE OR REPLACE VIEW projection.cdrs AS
SELECT session_id, number, credit, cdr_id, operator_id, issued_at, document, energy_wh
FROM projection.cdr_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'cdrs');

-- What partners answered: whether a CDR was accepted, or only rejected. No row is no answer.
CREATE TABLE projection.cdr_answer_row (
    generation integer NOT NULL,
    cdr_id text COLLATE "C" NOT NULL,
    partner text COLLATE "C" NOT NULL,
    accepted boolean NOT NULL,
    PRIMARY KEY (generation, cdr_id, partner)
);
INSERT INTO projection.generation (name, generation, live) VALUES ('cdr_answers', 1, true);

CREATE VIEW projection.cdr_answers AS
SELECT cdr_id, partner, accepted
FROM projection.cdr_answer_row
WHERE generation = (
    SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'cdr_answers'
);

-- J60 for each change of what the meter of a session is known to have counted; J61 for each CDR, mirrored by its
-- credit CDR. Wh may be negative: an entry that takes back.
CREATE VIEW projection.energy_entries AS
SELECT session_id, operator_id, 'J60' AS kind, told.at AS effective_at, '9110/' || session_id AS debit,
       '9100/' || coalesce(evse_uid, '#NA') AS credit,
       told.energy_wh - lag(told.energy_wh, 1, 0) OVER (PARTITION BY session_id ORDER BY told.place) AS wh
FROM projection.sessions
CROSS JOIN LATERAL (
    SELECT place, (pair ->> 0)::timestamptz AS at, (pair ->> 1)::numeric AS energy_wh
    FROM jsonb_array_elements(metered) WITH ORDINALITY AS pairs (pair, place)
) AS told
UNION ALL
SELECT cdr.session_id, cdr.operator_id, 'J61', cdr.issued_at, '9120/' || issued.cdr_id, '9110/' || cdr.session_id,
       CASE WHEN cdr.credit THEN -issued.energy_wh ELSE issued.energy_wh END
FROM projection.cdrs AS cdr
JOIN projection.cdrs AS issued
    ON issued.session_id = cdr.session_id AND issued.number = cdr.number AND NOT issued.credit;

-- The balance of each commodity account in Wh, debit positive.
CREATE VIEW projection.energy_balances AS
SELECT account, sum(debit) AS debits, sum(credit) AS credits, sum(debit) - sum(credit) AS balance
FROM (
    SELECT debit AS account, wh AS debit, 0::numeric AS credit FROM projection.energy_entries WHERE wh <> 0
    UNION ALL
    SELECT credit, 0, wh FROM projection.energy_entries WHERE wh <> 0
) AS side
GROUP BY account;

-- Each session with what was metered, what its standing CDR billed, and why the two differ. The CDR of a roaming
-- session bills from its partner's acceptance on: nobody owes anything for one that is not accepted.
CREATE VIEW projection.leakage AS
SELECT session_id, operator_id, ended_at, metered_wh, billed_wh, metered_wh - billed_wh AS leaked_wh,
       CASE
           WHEN state <> 'RATED' THEN split_part(reason, ':', 1)
           WHEN cdrs > credits AND partner IS NOT NULL AND accepted IS NULL THEN 'CDR_NOT_ACCEPTED'
           WHEN cdrs > credits AND partner IS NOT NULL AND NOT accepted THEN 'CDR_REJECTED'
           WHEN metered_wh = billed_wh THEN CASE reason WHEN 'ESTIMATED' THEN 'BILLED_BY_ESTIMATE' ELSE 'BILLED' END
           WHEN cdrs = 0 THEN 'CDR_NOT_ISSUED_YET'
           WHEN cdrs = credits THEN 'CDR_NOT_ACCEPTED'
           WHEN shortfall > 0 THEN 'CAPTURE_CANNOT_BE_RAISED'
           ELSE 'CDR_TO_BE_REPLACED'
       END AS cause
FROM (
    SELECT sessions.session_id, sessions.operator_id, sessions.state, sessions.reason, sessions.shortfall,
           sessions.partner, (metered -> 0 ->> 0)::timestamptz AS ended_at,
           coalesce((metered -> -1 ->> 1)::numeric, 0) AS metered_wh,
           coalesce(billed.wh, 0) AS billed_wh, coalesce(billed.cdrs, 0) AS cdrs, coalesce(billed.credits, 0) AS credits,
           billed.accepted
    FROM projection.sessions AS sessions
    LEFT JOIN LATERAL (
        SELECT sum(cdr.energy_wh) FILTER (WHERE cdr.stands AND (sessions.partner IS NULL OR answer.accepted)) AS wh,
               bool_or(answer.accepted) FILTER (WHERE cdr.stands) AS accepted,
               count(*) FILTER (WHERE NOT cdr.credit) AS cdrs,
               count(*) FILTER (WHERE cdr.credit) AS credits
        FROM (
            SELECT sent.cdr_id, sent.credit, sent.energy_wh,
                   NOT sent.credit AND NOT EXISTS (
                       SELECT FROM projection.cdrs AS taken_back
                       WHERE taken_back.session_id = sent.session_id AND taken_back.number = sent.number
                             AND taken_back.credit
                   ) AS stands
            FROM projection.cdrs AS sent
            WHERE sent.session_id = sessions.session_id
        ) AS cdr
        LEFT JOIN projection.cdr_answers AS answer
            ON answer.cdr_id = cdr.cdr_id AND answer.partner = sessions.partner
    ) AS billed ON true
) AS compared;
