"""Affairs of the book as the clock finds them: those of which a decision is due, what is reserved, what was filed."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.values import reader_of, value
from ledger.arrays import columns

_SAVE = """
INSERT INTO intake.affair (stream_id, name, due_at, currency, reserved, jurisdiction, filed_from, filed_to)
SELECT * FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[], %s::text[], %s::int8[], %s::text[], %s::text[],
                     %s::text[])
ON CONFLICT (stream_id) DO UPDATE SET due_at = excluded.due_at, currency = excluded.currency,
    reserved = excluded.reserved, jurisdiction = excluded.jurisdiction, filed_from = excluded.filed_from,
    filed_to = excluded.filed_to
"""
_DUE = "SELECT stream_id FROM intake.affair WHERE due_at <= %s ORDER BY due_at, name LIMIT 1"
_MOMENTS = "SELECT DISTINCT due_at FROM intake.affair WHERE due_at <= %s ORDER BY due_at"
_RESERVED = "SELECT coalesce(sum(reserved), 0)::bigint FROM intake.affair WHERE currency = %s"
# Of which return a month is, of a jurisdiction or of any, but for the one that is asked about.
_FILED = """
SELECT substr(name, length('vat_return:') + 1) FROM intake.affair
WHERE filed_from <= %(last)s AND filed_to >= %(first)s AND name <> %(but)s
      AND (%(jurisdiction)s::text IS NULL OR jurisdiction = %(jurisdiction)s)
ORDER BY name LIMIT 1
"""


@value
class AffairHead:
    """What an affair's row says, its fields in the order of the columns."""

    stream_id: UUID
    name: str
    due_at: datetime | None
    currency: str | None = None
    reserved: int | None = None
    jurisdiction: str | None = None
    filed_from: str | None = None
    filed_to: str | None = None


_values = reader_of(("stream_id", "name", "due_at", "currency", "reserved", "jurisdiction", "filed_from", "filed_to"))


def save_affairs(cursor: Cursor[TupleRow], heads: Sequence[AffairHead]) -> None:
    """Write the rows of affairs whose streams this transaction has locked."""
    if heads:
        cursor.execute(_SAVE, columns([_values(head) for head in heads]))


def next_due(cursor: Cursor[TupleRow], until: datetime) -> UUID | None:
    """The affair of which a decision is due first, by a moment."""
    row = cursor.execute(_DUE, (until,)).fetchone()
    return row[0] if row else None


def due_moments(cursor: Cursor[TupleRow], until: datetime) -> list[datetime]:
    """The times of decisions that are due by a moment, in their order."""
    return [at for (at,) in cursor.execute(_MOMENTS, (until,)).fetchall()]


def reserved(cursor: Cursor[TupleRow], currency: str) -> int:
    """What sweeps that are approved and not carried out reserve, in minor units."""
    row = cursor.execute(_RESERVED, (currency,)).fetchone()
    return int(row[0]) if row else 0


def return_filed(
    cursor: Cursor[TupleRow], first: str, last: str, jurisdiction: str | None = None, but: str = ""
) -> str | None:
    """The VAT return that was filed of some month from one to another; None where there is none but the one named."""
    asked = {"first": first, "last": last, "jurisdiction": jurisdiction, "but": but}
    row = cursor.execute(_FILED, asked).fetchone()
    return str(row[0]) if row else None
