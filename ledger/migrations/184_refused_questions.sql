-- Questions of gateways that are none are kept and told as every other record that is refused, by who answers over HTTP: whose
-- login writes nothing of the intake otherwise, and nothing of another topic by this.
CREATE FUNCTION access.refuse_question(
    letter uuid, home integer, at bigint, record_key bytea, headers jsonb, value bytea,
    why text, place text, told text, source text, event text, type text
) RETURNS boolean
LANGUAGE plpgsql
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    is_new boolean;
BEGIN
    INSERT INTO intake.deadletter (deadletter_id, topic, partition, record_offset, record_key, record_headers,
                                   record_value, code, path, sentence, event_source, event_id, event_type)
    VALUES (letter, 'roaming.authorizations', home, at, record_key, headers, value, why, place, told, source, event, type)
    ON CONFLICT (deadletter_id) DO UPDATE SET replayed_at = NULL WHERE deadletter.replayed_at IS NOT NULL
    RETURNING xmax = 0 INTO is_new;
    IF is_new THEN
        INSERT INTO intake.outbox (topic, record_key, deadletter_id)
        VALUES ('settlement.deadletter', coalesce(source, ''), letter);
    END IF;
    RETURN coalesce(is_new, false);
END
$$;
REVOKE ALL ON FUNCTION access.refuse_question(
    uuid, integer, bigint, bytea, jsonb, bytea, text, text, text, text, text, text
) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION access.refuse_question(
    uuid, integer, bigint, bytea, jsonb, bytea, text, text, text, text, text, text
) TO wattledger_door;
