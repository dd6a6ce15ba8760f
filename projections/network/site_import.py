"""Measured import of sites: registers of their meters, and the energy of each quarter hour that they cover wholly."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.calendar import instant
from domain.exact import whole
from domain.network.measured import GAP_MAX_US, imported
from domain.network.moments import QUARTER_US, microsecond_of, quarter_start
from domain.network.session_use import told_number
from ledger.arrays import columns as arrays
from projections.network.batch import Batch
from projections.network.site_load import decimal_text, in_parts

_MEASURED = "site.load_measured"

# Of several registers at one moment the highest was read last.
_ADD = """
INSERT INTO projection.site_meter_row AS kept (generation, operator_id, location_key, read_at, import_wh)
SELECT %s, sent.* FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::numeric[]) AS sent
ON CONFLICT (generation, operator_id, location_key, read_at) DO UPDATE SET import_wh = excluded.import_wh
WHERE kept.import_wh < excluded.import_wh
"""
# The readings before and after some.
_BESIDE = """
SELECT sent.operator_id, sent.location_key, sent.read_at, before.read_at, after.read_at
FROM unnest(%s::text[], %s::text[], %s::timestamptz[]) AS sent (operator_id, location_key, read_at)
LEFT JOIN LATERAL (
    SELECT kept.read_at FROM projection.site_meter_row AS kept
    WHERE (kept.generation, kept.operator_id, kept.location_key) = (%s, sent.operator_id, sent.location_key)
      AND kept.read_at < sent.read_at
    ORDER BY kept.read_at DESC LIMIT 1
) AS before ON true
LEFT JOIN LATERAL (
    SELECT kept.read_at FROM projection.site_meter_row AS kept
    WHERE (kept.generation, kept.operator_id, kept.location_key) = (%s, sent.operator_id, sent.location_key)
      AND kept.read_at > sent.read_at
    ORDER BY kept.read_at LIMIT 1
) AS after ON true
"""
# The readings of some spans, and one on each side of them.
_READ = """
SELECT span.number, kept.read_at, kept.import_wh
FROM unnest(%s::integer[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[])
    AS span (number, operator_id, location_key, since, before)
JOIN LATERAL (
    SELECT inside.read_at, inside.import_wh FROM projection.site_meter_row AS inside
    WHERE (inside.generation, inside.operator_id, inside.location_key) = (%s, span.operator_id, span.location_key)
      AND inside.read_at > span.since AND inside.read_at < span.before
    UNION ALL
    (SELECT first.read_at, first.import_wh FROM projection.site_meter_row AS first
     WHERE (first.generation, first.operator_id, first.location_key) = (%s, span.operator_id, span.location_key)
       AND first.read_at <= span.since
     ORDER BY first.read_at DESC LIMIT 1)
    UNION ALL
    (SELECT last.read_at, last.import_wh FROM projection.site_meter_row AS last
     WHERE (last.generation, last.operator_id, last.location_key) = (%s, span.operator_id, span.location_key)
       AND last.read_at >= span.before
     ORDER BY last.read_at LIMIT 1)
) AS kept ON true
ORDER BY span.number, kept.read_at
"""
_DROP = """
DELETE FROM projection.site_import_row AS kept
USING unnest(%s::text[], %s::text[], %s::integer[], %s::integer[]) AS span (operator_id, location_key, first, last)
WHERE (kept.operator_id, kept.location_key) = (span.operator_id, span.location_key)
  AND kept.quarter BETWEEN span.first AND span.last AND generation = %s
"""
_PUT = """
INSERT INTO projection.site_import_row (generation, operator_id, location_key, quarter, import_wh)
SELECT %s, sent.* FROM unnest(%s::text[], %s::text[], %s::integer[], %s::numeric[]) AS sent
"""

# A site, the first and the last quarter hour of it that a set may change.
Span = tuple[str, str, int, int]


@dataclass(frozen=True, slots=True)
class SiteImport:
    """Keeps what meters of sites said, and makes anew the quarter hours around each reading of a set."""

    topics: frozenset[str] = frozenset({_MEASURED})
    tables: tuple[str, ...] = ("site_meter_row", "site_import_row")

    def apply(self, cursor: Cursor[TupleRow], generation: int, batch: Batch) -> None:
        """Add the readings of a set, in any order."""
        read: dict[tuple[str, str, str], str] = {}
        for event in batch.of(_MEASURED):
            data = event.body["data"]
            key = (data["operator_id"], data["location_id"].casefold(), instant(data["read_at"]).isoformat())
            register = str(data["import_wh"])
            if key not in read or told_number(read[key]) < told_number(register):
                read[key] = register
        if not read:
            return
        rows = sorted(read)
        cursor.execute(_ADD, (generation, *arrays([(*key, read[key]) for key in rows])))
        beside = cursor.execute(_BESIDE, (*arrays(rows), generation, generation), binary=True).fetchall()
        spans = _joined(_span(row) for row in beside)
        cursor.execute(_DROP, (*arrays(spans), generation))
        made = _made(cursor, generation, spans)
        if made:
            cursor.execute(_PUT, (generation, *arrays(made)))


def _span(row: TupleRow) -> Span:
    """The quarter hours from the reading before one to the one after it; further ones say nothing of it."""
    operator_id, location_key, read_at, before, after = row
    at = microsecond_of(read_at)
    since = at if before is None or at - microsecond_of(before) > GAP_MAX_US else microsecond_of(before)
    until = at if after is None or microsecond_of(after) - at > GAP_MAX_US else microsecond_of(after)
    return operator_id, location_key, since // QUARTER_US, until // QUARTER_US


def _joined(spans: Iterable[Span]) -> list[Span]:
    """The same, with those joined that touch each other."""
    found: list[Span] = []
    for span in sorted(spans):
        last = found[-1] if found else None
        if last is not None and last[:2] == span[:2] and span[2] <= last[3] + 1:
            found[-1] = (*last[:3], max(last[3], span[3]))
        else:
            found.append(span)
    return found


def _made(cursor: Cursor[TupleRow], generation: int, spans: Sequence[Span]) -> list[tuple[str, str, int, str]]:
    """The quarter hours of spans that are covered wholly, each with its Wh."""
    asked = [
        (number, *span[:2], quarter_start(span[2]).isoformat(), quarter_start(span[3] + 1).isoformat())
        for number, span in enumerate(spans)
    ]
    registers: dict[int, list[tuple[int, int | Fraction]]] = {}
    for number, read_at, import_wh in cursor.execute(_READ, (*arrays(asked), generation, generation, generation)):
        registers.setdefault(number, []).append((microsecond_of(read_at), whole(Fraction(import_wh))))
    return [
        (*spans[number][:2], quarter, decimal_text(in_parts(energy_wh)))
        for number, told in registers.items()
        for quarter, energy_wh in imported(told)
        if spans[number][2] <= quarter <= spans[number][3]
    ]
