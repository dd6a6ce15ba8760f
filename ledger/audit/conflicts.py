"""Messages that were refused as conflicts must say otherwise than what was accepted under their source and id."""

import re
from base64 import b64decode
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import orjson

from ledger.audit.amounts import instant
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot

# Only where there are conflicts is anything read of the events, and then of their types alone.
_CONFLICTS = """
WITH refused AS MATERIALIZED (
    SELECT event_type, event_source, event_id, record_value, record_headers
    FROM intake.deadletter
    WHERE code = 'CONFLICT' AND event_type IS NOT NULL
), accepted AS MATERIALIZED (
    SELECT topic, body
    FROM event_store.stored_events, LATERAL (SELECT convert_from(state, 'UTF8')::jsonb AS body) AS parsed
    WHERE topic IN (SELECT event_type FROM refused)
)
SELECT event_type, event_source, event_id, record_value, record_headers, body -> 'time', body -> 'data'
FROM refused
JOIN accepted ON topic = event_type AND body ->> 'source' = event_source AND body ->> 'id' = event_id
ORDER BY event_type, event_source, event_id
"""

# An amount as text. Digits with zeros or blanks before them are a name, such as that of an account.
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")


def check_conflicts(snapshot: Snapshot, tally: Tally) -> None:
    """No message was refused for saying what had been accepted before in other words.

    Told where both name the same fields: what a field that only one of them has means, the audit does not judge.
    Another time is another content.
    """
    for type_, source, id_, record, headers, time, accepted in snapshot.rows(_CONFLICTS):
        tally.examined += 1
        told_at, told = _told(record, headers)
        if _read(told_at) == _read(time) and _read(told) == _read(accepted):
            where = f"{type_} {id_} of {source}"
            tally.note(where, "a duplicate", "a conflict", f"{where} was refused and says what was accepted before")


def _told(record: bytes, headers: Sequence[tuple[str, str]]) -> tuple[Any, Any]:
    """Time and data of a refused record: of a whole event, or of data alone with attributes as headers."""
    value, attributes = orjson.loads(record), {name.lower(): b64decode(told) for name, told in headers}
    if "ce_time" in attributes and "specversion" not in value:
        return attributes["ce_time"].decode(errors="replace"), value
    return value.get("time"), value.get("data")


def _read(value: Any) -> Any:
    """What a JSON value means, however it is written: numbers, times and the order of keys; null is absent."""
    if isinstance(value, Mapping):
        return {name: _read(each) for name, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_read(each) for each in value]
    if isinstance(value, bool) or value is None:
        return value
    if not isinstance(value, str):
        return Decimal(str(value))
    if _NUMBER.fullmatch(value):
        return Decimal(value)
    try:
        return instant(value)
    except ValueError:
        return value
