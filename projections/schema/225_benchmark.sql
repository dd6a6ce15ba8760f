-- What operators may know of each other: quartiles of a month that is over, and nothing else. A row for each figure behind which
-- five operators stand or more, none of them with more than half of its weight; values to two digits. (In plpgsql, which looks
-- for what it reads when it is asked: some of it comes in later migrations.)
CREATE FUNCTION surface.benchmark(first_day date)
RETURNS TABLE (figure text, currency text, operators integer, lower numeric, median numeric, upper numeric)
LANGUAGE plpgsql
STABLE
SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
RETURN QUERY
WITH live AS MATERIALIZED (
    SELECT live.generation FROM projection.generation AS live WHERE live.live AND live.name = 'network'
), month AS MATERIALIZED (
    SELECT date_trunc('month', first_day)::date AS first, (date_trunc('month', first_day) + interval '1 month')::date AS next,
           (
               SELECT (extract(epoch FROM max(reached.event_time)) * 1000000)::bigint FROM surface.event_times AS reached
               WHERE reached.event_time <= clock_timestamp() + interval '24 hours'
           ) AS until_us
), is_over AS MATERIALIZED (
    -- Wherever it is still that month.
    SELECT month.* FROM month
    WHERE (extract(epoch FROM month.next::timestamp AT TIME ZONE 'Etc/GMT+12') * 1000000)::bigint <= month.until_us
), evse AS MATERIALIZED (
    SELECT place.operator_id, place.location_key, place.evse_key,
           greatest(place.first_us, (extract(epoch FROM is_over.first::timestamp AT TIME ZONE zone.name) * 1000000)::bigint) AS begin_us,
           (extract(epoch FROM is_over.next::timestamp AT TIME ZONE zone.name) * 1000000)::bigint AS end_us
    FROM is_over
    JOIN live ON true
    JOIN projection.evse_place_row AS place ON place.generation = live.generation
    LEFT JOIN projection.site_zone_row AS site
        ON (site.generation, site.operator_id, site.location_key) = (live.generation, place.operator_id, place.location_key)
    LEFT JOIN projection.site_row AS operator
        ON (operator.generation, operator.operator_id, operator.location_key) = (live.generation, place.operator_id, '')
    CROSS JOIN LATERAL (SELECT coalesce(site.time_zone, operator.time_zone, 'UTC')) AS zone (name)
), turn AS (
    SELECT status.operator_id, status.evse_key, status.state, status.at_us AS begin_us,
           lead(status.at_us, 1, 9223372036854775807) OVER (
               PARTITION BY status.operator_id, status.evse_key ORDER BY status.at_us, status.source, status.id
           ) AS end_us
    FROM live JOIN projection.evse_status_row AS status ON status.generation = live.generation AND status.turns
), out_of_service AS (
    SELECT evse.operator_id, evse.location_key, evse.evse_key,
           sum(greatest(0, least(evse.end_us, turn.end_us) - greatest(evse.begin_us, turn.begin_us))) AS us
    FROM turn JOIN evse USING (operator_id, evse_key)
    WHERE turn.state = 'OUT_OF_SERVICE' AND turn.begin_us < evse.end_us AND turn.end_us > evse.begin_us
    GROUP BY evse.operator_id, evse.location_key, evse.evse_key
), rated AS (
    SELECT site.operator_id, site.location_key, connector.value ->> 0 AS evse_key,
           max((string_to_array(connector.value ->> 2, '/'))[1]::numeric
               / coalesce((string_to_array(connector.value ->> 2, '/'))[2], '1')::numeric) AS w
    FROM live
    JOIN projection.site_row AS site ON site.generation = live.generation
    CROSS JOIN LATERAL json_array_elements(site.powers -> -1 -> 1) AS connector
    GROUP BY 1, 2, 3
), service AS (
    SELECT operator_id, sum(greatest(0, evse.end_us - evse.begin_us - coalesce(out_of_service.us, 0))) AS in_service_us,
           CASE WHEN bool_and(rated.w IS NOT NULL)
               THEN sum(rated.w * greatest(0, evse.end_us - evse.begin_us - coalesce(out_of_service.us, 0)))
           END AS rated_us
    FROM evse
    LEFT JOIN out_of_service USING (operator_id, location_key, evse_key)
    LEFT JOIN rated USING (operator_id, location_key, evse_key)
    WHERE evse.begin_us < evse.end_us
    GROUP BY operator_id
), used AS (
    SELECT day.operator_id, sum(day.own_occupied_us) AS occupied_us, sum(day.own_charging_us) AS charging_us,
           sum(day.energy_wh) AS energy_wh
    FROM is_over JOIN live ON true
    JOIN projection.evse_day_row AS day
        ON day.generation = live.generation AND day.date >= is_over.first AND day.date < is_over.next
    GROUP BY day.operator_id
), money AS (
    SELECT day.operator_id, day.currency, sum(day.net) AS net
    FROM is_over JOIN live ON true
    JOIN projection.evse_day_money_row AS day
        ON day.generation = live.generation AND day.date >= is_over.first AND day.date < is_over.next
    GROUP BY day.operator_id, day.currency
), behind (figure, currency, value, weight) AS (
    SELECT 'time_utilisation'::text, ''::text, coalesce(occupied_us, 0) / in_service_us, in_service_us
    FROM service LEFT JOIN used USING (operator_id) WHERE in_service_us > 0
    UNION ALL
    SELECT 'charging_utilisation', '', coalesce(charging_us, 0) / in_service_us, in_service_us
    FROM service LEFT JOIN used USING (operator_id) WHERE in_service_us > 0
    UNION ALL
    SELECT 'energy_utilisation', '', coalesce(energy_wh, 0) * 3600000000 / rated_us, rated_us
    FROM service LEFT JOIN used USING (operator_id) WHERE rated_us > 0
    UNION ALL
    SELECT 'net_per_service_hour', money.currency, net * 3600000000 / in_service_us, in_service_us
    FROM service JOIN money USING (operator_id) WHERE in_service_us > 0
    UNION ALL
    SELECT 'net_per_occupied_hour', money.currency, net * 3600000000 / occupied_us, occupied_us
    FROM used JOIN money USING (operator_id) WHERE occupied_us > 0
), ordered AS (
    SELECT behind.figure, behind.currency, array_agg(behind.value ORDER BY behind.value) AS of, count(*)::integer AS number
    FROM behind
    GROUP BY behind.figure, behind.currency
    HAVING count(*) >= 5 AND max(behind.weight) * 2 <= sum(behind.weight)
), quartile AS (
    SELECT ordered.figure, ordered.currency, ordered.number, quarter.n,
           ordered.of[place.below] + (ordered.of[least(place.below + 1, ordered.number)] - ordered.of[place.below])
               * ((ordered.number - 1) * quarter.n % 4) / 4.0 AS value
    FROM ordered
    CROSS JOIN generate_series(1, 3) AS quarter (n)
    CROSS JOIN LATERAL (SELECT 1 + (ordered.number - 1) * quarter.n / 4) AS place (below)
)
SELECT quartile.figure, quartile.currency, quartile.number,
       max(shown.value) FILTER (WHERE n = 1), max(shown.value) FILTER (WHERE n = 2), max(shown.value) FILTER (WHERE n = 3)
FROM quartile
CROSS JOIN LATERAL (
    SELECT CASE WHEN value = 0 THEN 0 ELSE round(value, 1 - floor(log(abs(value)))::integer) END
) AS shown (value)
GROUP BY quartile.figure, quartile.currency, quartile.number;
END
$$;
REVOKE ALL ON FUNCTION surface.benchmark(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION surface.benchmark(date) TO wattledger_auditor, wattledger_tenant;
