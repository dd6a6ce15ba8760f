"""Every version of a tariff that was published, with what pins it and the warnings it was accepted with."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.messages import stream_of
from domain.calendar import instant
from domain.tariff.events import TariffWarned
from domain.tariff.published import tariff_hash, taxes_of
from domain.values import value
from ledger.events.codec import decode

# The data of tariffs as they were published, of one operator where one is named.
_PUBLISHED = """
SELECT source, id, event_time, data FROM intake.catalogue
WHERE type = 'tariff.published'
  AND (%(operator_id)s::text IS NULL OR convert_from(data, 'UTF8')::jsonb ->> 'operator_id' = %(operator_id)s)
ORDER BY seq
"""
# The warnings in some streams of tariffs.
_WARNED = """
SELECT topic, state FROM event_store.stored_events
WHERE originator_id = ANY(%s) AND topic = 'TariffWarned'
"""


@value
class TariffVersion:
    """A published version; `findings` are its stored warnings, each with `code`, `path` and `sentence`."""

    operator_id: str
    tariff_id: str
    partner: str | None
    effective_from: datetime
    published_at: datetime
    hash: str
    findings: tuple[Mapping[str, str], ...]


def tariff_versions(cursor: Cursor[TupleRow], operator_id: str | None = None) -> list[TariffVersion]:
    """All versions by operator, tariff and partner, each in the order in which they were published."""
    cursor.execute(_PUBLISHED, {"operator_id": operator_id})
    rows = [(source, id_, time, orjson.loads(data)) for source, id_, time, data in cursor.fetchall()]
    warnings = _warnings(cursor, {stream_of("tariff.published", data) for *_, data in rows})
    ordered = sorted(rows, key=lambda row: (*_name(row[3]), row[2], row[0], row[1]))
    return [_version(time, data, warnings.get((source, id_), ())) for source, id_, time, data in ordered]


def _warnings(cursor: Cursor[TupleRow], streams: set[UUID]) -> dict[tuple[str, str], tuple[Mapping[str, str], ...]]:
    """The stored warnings by source and id of the event that brought the version."""
    found: dict[tuple[str, str], tuple[Mapping[str, str], ...]] = {}
    for topic, state in cursor.execute(_WARNED, (sorted(streams),)):
        event: TariffWarned = decode(topic, state)
        found[event.source, event.id] = event.findings
    return found


def _name(data: Mapping[str, Any]) -> tuple[str, str, str]:
    return (data["operator_id"], str(data["tariff"]["id"]).casefold(), (data.get("partner") or "").upper())


def _version(time: datetime, data: Mapping[str, Any], findings: tuple[Mapping[str, str], ...]) -> TariffVersion:
    return TariffVersion(
        operator_id=data["operator_id"],
        tariff_id=str(data["tariff"]["id"]),
        partner=_name(data)[2] or None,
        effective_from=instant(data["effective_from"]),
        published_at=time,
        hash=tariff_hash(data["tariff"], taxes_of(data.get("taxes"))),
        findings=findings,
    )
