-- Whatever is listed, and whatever is found by an id: by everybody who may see it, a page at a time.

-- Ids are found by their first digits now, and every event by its own id: the keys are others, so all is read anew.
TRUNCATE projection.mention_row;
DELETE FROM projection.generation WHERE name = 'mentions' AND NOT live;
UPDATE projection.generation SET position = 0 WHERE name = 'mentions';

-- Sessions of an operator or a charger, and the few that are not rated, in the order of the list of all. CDRs newest first.
CREATE INDEX session_row_operator_idx ON projection.session_row (generation, operator_id, session_id);
CREATE INDEX session_row_evse_idx ON projection.session_row (generation, evse_uid, session_id) WHERE evse_uid IS NOT NULL;
CREATE INDEX session_row_state_idx ON projection.session_row (generation, state, session_id) WHERE state <> 'RATED';
CREATE INDEX cdr_row_issued_idx ON projection.cdr_row (generation, issued_at, cdr_id);
CREATE INDEX cdr_row_operator_idx ON projection.cdr_row (generation, operator_id, issued_at, cdr_id);

-- Lines on payouts that are on their way, by operator: each payout is an account of its own. All else that is an operator's
-- stands on a few accounts.
CREATE INDEX account_line_row_payouts_idx ON projection.account_line_row (generation, operator_id, effective_at, entry_id)
    WHERE account >= '2050/' AND account < '20500';
-- Entries are recorded in the order of their rows.
CREATE INDEX entry_recorded_at_idx ON book.entry USING brin (recorded_at);

-- Stored events. A tenant sees the streams of its sessions and payouts: those whose latest decision that names an operator
-- names it. The name is written before any text that is not an id, so that the rest of the event is not read. Accounts are
-- masked for tenants.
CREATE VIEW surface.events WITH (security_barrier) AS
SELECT event.notification_id AS position, event.originator_id AS stream_id, event.originator_version AS version,
       event.topic,
       CASE
           WHEN event.topic = 'PayoutCreated' AND NOT (SELECT surface.sees_all())
           THEN surface.with_masked_account(event.state)
           ELSE event.state
       END AS state
FROM event_store.stored_events AS event
WHERE (SELECT surface.sees_all())
   OR (
       SELECT ('"' || substring(convert_from(said.state, 'UTF8') FROM '"operator_id":"((?:[^"\\]|\\.)*)"') || '"')::json #>> '{}'
       FROM event_store.stored_events AS said
       WHERE said.originator_id = event.originator_id AND said.topic IN ('SessionAssessed', 'PayoutCreated')
       ORDER BY said.originator_version DESC
       LIMIT 1
   ) = ANY ((SELECT surface.operators())::text[]);

-- Which events mention an id, as far as they are seen: of the tables, since what a view hides is not looked up by another's
-- rows.
CREATE VIEW surface.mentions WITH (security_barrier) AS
SELECT mention.key, mention.position, event.originator_id AS stream_id, event.originator_version AS version, event.topic,
       CASE
           WHEN event.topic = 'PayoutCreated' AND NOT (SELECT surface.sees_all())
           THEN surface.with_masked_account(event.state)
           ELSE event.state
       END AS state
FROM projection.mention_row AS mention JOIN event_store.stored_events AS event ON event.notification_id = mention.position
WHERE mention.generation = (
          SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'mentions'
      )
  AND (
      (SELECT surface.sees_all())
      OR (
          SELECT ('"' || substring(convert_from(said.state, 'UTF8') FROM '"operator_id":"((?:[^"\\]|\\.)*)"') || '"')::json #>> '{}'
          FROM event_store.stored_events AS said
          WHERE said.originator_id = event.originator_id AND said.topic IN ('SessionAssessed', 'PayoutCreated')
          ORDER BY said.originator_version DESC
          LIMIT 1
      ) = ANY ((SELECT surface.operators())::text[])
  );

GRANT SELECT ON surface.events, surface.mentions TO wattledger_tenant;
