"""Versions of tariffs as they were published, with the sessions rated by each: as far as who asks may see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.messages import stream_of
from domain.calendar import instant
from domain.tariff.published import tariff_hash, taxes_of
from ledger.events.codec import read_body

# Versions behind one, by operator and in the order in which they arrived.
_PUBLISHED = """
SELECT seq, source, id, event_time, operator_id, data
FROM surface.catalogue
WHERE type = 'tariff.published' {conditions}
ORDER BY operator_id, seq LIMIT %(limit)s
"""
# The warnings in some streams of tariffs.
_WARNED = "SELECT topic, state FROM surface.tariff_warnings WHERE stream_id = ANY(%s)"
# How many sessions of an operator are rated by each of these versions.
_RATED = """
SELECT asked.operator_id, asked.hash,
       (SELECT count(*) FROM projection.sessions
        WHERE sessions.tariff_hash = asked.hash AND sessions.operator_id = asked.operator_id)
FROM unnest(%s::text[], %s::text[]) AS asked (operator_id, hash)
"""
_ALL = 1_000_000


@dataclass(frozen=True, slots=True)
class PublishedTariff:
    """A version of a tariff: its OCPI object, the hash that pins it, its warnings, and how many sessions it rates.

    `seq` is its place in the order of arrival; `event` the source and id of the message that brought it.
    """

    seq: int
    event: tuple[str, str]
    operator_id: str
    tariff_id: str
    partner: str | None
    effective_from: datetime
    published_at: datetime
    hash: str
    tariff: Mapping[str, Any]
    warnings: tuple[Mapping[str, str], ...]
    sessions: int


def list_tariffs(
    cursor: Cursor[TupleRow], operator_id: str | None = None, *, limit: int, after: tuple[str, int] | None = None
) -> list[PublishedTariff]:
    """Up to `limit` versions behind one (its operator and its `seq`), by operator and arrival; of one or of all."""
    conditions = " AND operator_id = %(operator_id)s" if operator_id is not None else ""
    conditions += " AND (operator_id, seq) > (%(after_operator)s, %(after_seq)s)" if after else ""
    parameters = {
        "operator_id": operator_id,
        "after_operator": after[0] if after else None,
        "after_seq": after[1] if after else None,
        "limit": limit,
    }
    rows = cursor.execute(_PUBLISHED.format(conditions=conditions).encode(), parameters).fetchall()
    return _tariffs(cursor, rows)


def versions_of(cursor: Cursor[TupleRow], operator_id: str, tariff_id: str) -> list[PublishedTariff]:
    """The versions of one tariff, a partner's own among them, by partner and by when each takes effect.

    Ids of tariffs compare without case (OCPI types, CiString).
    """
    query = _PUBLISHED.format(conditions=" AND operator_id = %(operator_id)s")
    rows = cursor.execute(query.encode(), {"operator_id": operator_id, "limit": _ALL}).fetchall()
    meant = [row for row in rows if _id_of(row).casefold() == tariff_id.casefold()]
    return sorted(_tariffs(cursor, meant), key=lambda each: (each.partner or "", each.effective_from, each.seq))


def sessions_rated(cursor: Cursor[TupleRow], operator_id: str, hash_: str) -> int:
    """How many sessions of an operator are rated by a version of a tariff now."""
    rows = cursor.execute(_RATED, ([operator_id], [hash_])).fetchall()
    return int(rows[0][2])


def _id_of(row: TupleRow) -> str:
    return str(orjson.loads(bytes(row[5]))["tariff"]["id"])


def _tariffs(cursor: Cursor[TupleRow], rows: Sequence[TupleRow]) -> list[PublishedTariff]:
    published = [orjson.loads(bytes(row[5])) for row in rows]
    hashes = [tariff_hash(data["tariff"], taxes_of(data.get("taxes"))) for data in published]
    warnings = _warnings(cursor, published)
    operators = [row[4] for row in rows]
    counted = cursor.execute(_RATED, (operators, hashes)).fetchall()
    rated = {(operator_id, hash_): count for operator_id, hash_, count in counted}
    return [
        PublishedTariff(
            seq,
            (source, id_),
            operator_id,
            str(data["tariff"]["id"]),
            (data.get("partner") or "").upper() or None,
            instant(data["effective_from"]),
            published_at,
            hash_,
            data["tariff"],
            warnings.get((source, id_), ()),
            rated[operator_id, hash_],
        )
        for (seq, source, id_, published_at, operator_id, _), data, hash_ in zip(rows, published, hashes, strict=True)
    ]


def _warnings(
    cursor: Cursor[TupleRow], published: Sequence[Mapping[str, Any]]
) -> dict[tuple[str, str], tuple[Mapping[str, str], ...]]:
    """The stored warnings by source and id of the message that brought the version."""
    streams = sorted({stream_of("tariff.published", data) for data in published})
    found: dict[tuple[str, str], tuple[Mapping[str, str], ...]] = {}
    for topic, state in cursor.execute(_WARNED, (streams,)).fetchall():
        body = read_body(topic, bytes(state))
        found[body["source"], body["id"]] = tuple(body["findings"])
    return found
