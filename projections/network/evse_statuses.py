"""The statuses of EVSEs: each as it was told, and whether it is another state than the one before."""

from collections.abc import Mapping, Sequence

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.network.states import STATE_OF, Told
from ledger.arrays import columns

_PUT = """
INSERT INTO projection.evse_status_row (
    generation, operator_id, evse_key, at_us, source, id, status, state, turns, error_code)
SELECT %s, * FROM unnest(
    %s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bool[], %s::text[])
ON CONFLICT DO NOTHING
"""
# What came late, and what follows each of it, beside the status before.
_TURN_LATE = """
WITH late AS (
    SELECT * FROM unnest(
        %(operators)s::text[], %(keys)s::text[], %(ats)s::bigint[], %(sources)s::text[], %(ids)s::text[])
        AS added (operator_id, evse_key, at_us, source, id)
), touched AS (
    SELECT * FROM late
    UNION
    SELECT late.operator_id, late.evse_key, following.at_us, following.source, following.id
    FROM late CROSS JOIN LATERAL (
        SELECT at_us, source, id FROM projection.evse_status_row AS kept
        WHERE kept.generation = %(generation)s AND kept.operator_id = late.operator_id
          AND kept.evse_key = late.evse_key
          AND (kept.at_us, kept.source, kept.id) > (late.at_us, late.source, late.id)
        ORDER BY kept.at_us, kept.source, kept.id LIMIT 1
    ) AS following
), judged AS (
    SELECT touched.*, (
        SELECT kept.state FROM projection.evse_status_row AS kept
        WHERE kept.generation = %(generation)s AND kept.operator_id = touched.operator_id
          AND kept.evse_key = touched.evse_key
          AND (kept.at_us, kept.source, kept.id) < (touched.at_us, touched.source, touched.id)
        ORDER BY kept.at_us DESC, kept.source DESC, kept.id DESC LIMIT 1
    ) AS state_before
    FROM touched
)
UPDATE projection.evse_status_row AS kept
SET turns = kept.state IS DISTINCT FROM judged.state_before
FROM judged
WHERE kept.generation = %(generation)s
  AND (kept.operator_id, kept.evse_key, kept.at_us, kept.source, kept.id)
    = (judged.operator_id, judged.evse_key, judged.at_us, judged.source, judged.id)
  AND kept.turns <> (kept.state IS DISTINCT FROM judged.state_before)
"""

Key = tuple[str, str]


def add_statuses(
    cursor: Cursor[TupleRow],
    generation: int,
    newest_of: Mapping[Key, Told | None],
    told: Mapping[Key, Sequence[tuple[Told, str | None]]],
) -> dict[Key, Told]:
    """Store statuses of EVSEs (each with its error code); the newest of each EVSE after that.

    `newest_of` is the newest that was known of each. What is newer than that needs no look at what is stored.
    """
    rows, late, newest = [], [], {}
    for key in sorted(told):
        known = newest_of[key]
        before: Told | None = None
        for each, error_code in sorted(told[key], key=lambda pair: pair[0]):
            if known is not None and each > known and (before is None or before < known):
                before = known
            turns = before is None or STATE_OF[before.status] is not STATE_OF[each.status]
            rows.append(
                (*key, each.at, each.source, each.id, each.status, str(STATE_OF[each.status]), turns, error_code)
            )
            if known is not None and each < known:
                late.append((*key, each.at, each.source, each.id))
            before = each
            newest[key] = max(each, known) if known is not None else each
    if rows:
        cursor.execute(_PUT, (generation, *columns(rows)))
    if late:
        names = ("operators", "keys", "ats", "sources", "ids")
        cursor.execute(_TURN_LATE, {"generation": generation, **dict(zip(names, columns(late), strict=True))})
    return newest
