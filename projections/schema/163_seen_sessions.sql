-- What else is shown of sessions and of the tariffs that they are rated by, and to whom.

-- The energy of a session, metered and billed.
CREATE VIEW surface.energy_entries AS
SELECT session_id, kind, effective_at, debit, credit, wh
FROM projection.energy_entries
WHERE (SELECT surface.sees_all()) OR operator_id = ANY ((SELECT surface.operators())::text[]);

GRANT SELECT ON surface.energy_entries TO wattledger_tenant;

-- By which version of a tariff a session is rated; NULL where it is not. The rows are made anew from the events.
ALTER TABLE projection.session_row ADD COLUMN tariff_hash text COLLATE "C";
CREATE INDEX session_row_tariff_idx ON projection.session_row (generation, tariff_hash, session_id) INCLUDE (operator_id)
    WHERE tariff_hash IS NOT NULL;
DELETE FROM projection.session_row;
UPDATE projection.generation SET position = 0 WHERE name = 'sessions';

CREATE OR REPLACE VIEW projection.sessions WITH (security_invoker) AS
SELECT session_id, operator_id, state, reason, energy_wh, currency, net, vat, gross, commission, commission_vat,
       operator_share, shortfall, evse_uid, metered, partner, tariff_hash
FROM projection.session_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'sessions');

-- The warnings that tariffs were accepted with.
CREATE VIEW surface.tariff_warnings AS
SELECT originator_id AS stream_id, originator_version AS version, topic, state
FROM event_store.stored_events
WHERE topic = 'TariffWarned'
  AND (
      (SELECT surface.sees_all())
      OR convert_from(state, 'UTF8')::jsonb ->> 'operator_id' = ANY ((SELECT surface.operators())::text[])
  );

GRANT SELECT ON surface.tariff_warnings TO wattledger_tenant;
