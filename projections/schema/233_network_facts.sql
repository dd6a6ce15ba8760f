-- What was told of sessions, for whoever asks how a month stood when it closed.
CREATE VIEW projection.network_facts WITH (security_invoker) AS
SELECT session_id, operator_id, location_key, started_at, until, facts
FROM projection.session_use_row
WHERE generation = (SELECT live.generation FROM projection.generation AS live WHERE live.live AND name = 'network');
GRANT SELECT (facts) ON projection.session_use_row TO wattledger_tenant;
GRANT SELECT ON projection.network_facts TO wattledger_tenant;
