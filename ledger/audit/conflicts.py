"""Messages that were refused as conflicts must say otherwise than what was accepted under their source and id."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

from ledger.audit.amounts import instant
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot

# Only where there are conflicts is anything read of the events, and then of their types alone.
_CONFLICTS = """
WITH refused AS MATERIALIZED (
    SELECT event_type, event_source, event_id, record_value
    FROM intake.deadletter
    WHERE code = 'CONFLICT' AND event_type IS NOT NULL
), accepted AS MATERIALIZED (
    SELECT topic, body
    FROM event_store.stored_events, LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
    WHERE topic IN (SELECT event_type FROM refused)
)
SELECT event_type, event_source, event_id, record_value, body -> 'data'
FROM refused
JOIN accepted ON topic = event_type AND body ->> 'source' = event_source AND body ->> 'id' = event_id
ORDER BY event_type, event_source, event_id
"""


def check_conflicts(snapshot: Snapshot, tally: Tally) -> None:
    """No message was refused for saying what had been accepted before in other words.

    Told where both name the same fields: what a field that only one of them has means, the audit does not judge.
    """
    for type_, source, id_, record, accepted in snapshot.rows(_CONFLICTS):
        tally.examined += 1
        told = orjson.loads(record)
        told = told.get("data", told)
        if _read(told) == _read(accepted):
            where = f"{type_} {id_} of {source}"
            tally.note(where, "a duplicate", "a conflict", f"{where} was refused and says what was accepted before")


def _read(value: Any) -> Any:
    """What a JSON value means, however it is written: numbers, times and the order of keys; null is absent."""
    if isinstance(value, Mapping):
        return {name: _read(each) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_read(each) for each in value]
    if isinstance(value, bool) or value is None:
        return value
    try:
        return Decimal(str(value))
    except InvalidOperation:
        pass
    try:
        return instant(value)
    except ValueError:
        return value
