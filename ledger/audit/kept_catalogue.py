"""What was published of operators, tariffs and others: all of it is kept once more, and is what the events say."""

from typing import Any

from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot

# Each is kept in the order of arrival.
PUBLISHED = (
    "bank_account.confirmed",
    "bank_account.proposed",
    "location.published",
    "operator.changed",
    "operator.payouts_held",
    "operator.payouts_released",
    "operator.registered",
    "partner.registered",
    "payee.verified",
    "payouts.resumed",
    "payouts.stopped",
    "tariff.published",
    "tariff.rerating_ordered",
    "discount.published",
)
_CATALOGUE = """
WITH told AS (
    SELECT topic AS type, body ->> 'source' AS source, body ->> 'id' AS id,
           (body ->> 'time')::timestamptz AS event_time, body -> 'data' AS data, originator_id, originator_version
    FROM event_store.stored_events, LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
    WHERE topic = ANY (%s)
), kept AS (
    SELECT seq, type, source, id, event_time, convert_from(data, 'UTF8')::jsonb AS data, stream_id, version
    FROM intake.catalogue
)
SELECT seq, type, source, id, told.data IS NOT NULL, kept.data IS NOT NULL,
       told.event_time IS DISTINCT FROM kept.event_time OR told.data IS DISTINCT FROM kept.data
       OR (kept.stream_id, kept.version) IS DISTINCT FROM (originator_id, originator_version::int),
       row_number() OVER (PARTITION BY originator_id ORDER BY originator_version)
           <> row_number() OVER (PARTITION BY originator_id ORDER BY seq)
       OR count(*) OVER (PARTITION BY type, source, id) > 1
FROM kept FULL JOIN told USING (type, source, id)
"""


def check_catalogue(snapshot: Snapshot, tally: Tally) -> None:
    """What was published is kept as it was, in its order."""
    for seq, type_, source, id_, is_told, is_kept, differs, is_moved in snapshot.rows(_CATALOGUE, [list(PUBLISHED)]):
        tally.examined += 1
        where = f"intake.catalogue {seq} {type_} {id_} of {source}"
        what = _wrong(is_told=is_told, is_kept=is_kept, differs=differs, is_moved=is_moved)
        if what:
            tally.note(where, "as it was published", what, f"{where}: {what}")


def _wrong(**found: Any) -> str:
    if not found["is_told"]:
        return "nobody published it"
    if not found["is_kept"]:
        return "it was published and is not kept"
    if found["differs"]:
        return "it was published otherwise"
    return "it is kept twice, or in another order than it was published in" if found["is_moved"] else ""
