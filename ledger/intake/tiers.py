"""What sessions count for in the tiers of their months, as the clock finds it once a month is over."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.catalogue.commission import Month
from domain.money import plain
from domain.session.tiering import Tiered, TierMonth
from domain.values import value
from ledger.arrays import array, columns

# A session counts nowhere but in its month of today.
_LEAVE = """
UPDATE intake.tier_session AS kept
SET sessions = 0, net = 0, energy_wh = '0', commission = 0, commission_vat = 0, counted = false
FROM unnest(%s::text[], %s::uuid[]) AS new (session_id, stream_id)
WHERE kept.session_id = new.session_id AND kept.stream_id IS DISTINCT FROM new.stream_id AND kept.sessions > 0
"""
_COUNT = """
INSERT INTO intake.tier_session AS kept (session_id, stream_id, operator_id, words, ends_at, currency, sessions, net,
                                         energy_wh, commission, commission_vat, counted)
SELECT new.*, false
FROM unnest(%s::text[], %s::uuid[], %s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::int2[], %s::bigint[],
            %s::text[], %s::bigint[], %s::bigint[]) AS new
ON CONFLICT (session_id, stream_id) DO UPDATE
SET sessions = excluded.sessions, net = excluded.net, energy_wh = excluded.energy_wh,
    commission = excluded.commission, commission_vat = excluded.commission_vat, counted = false
WHERE (kept.sessions, kept.net, kept.energy_wh, kept.commission, kept.commission_vat) IS DISTINCT FROM
      (excluded.sessions, excluded.net, excluded.energy_wh, excluded.commission, excluded.commission_vat)
"""
_DUE = """
SELECT DISTINCT stream_id, operator_id, words, ends_at, currency FROM intake.tier_session
WHERE NOT counted AND ends_at <= %s ORDER BY stream_id LIMIT %s
"""
# First what is going to be counted is locked, then all of the month is added up; what another writes meanwhile counts
# next time, whether or not it is in the sum of now.
_LOCK = """
SELECT session_id, stream_id FROM intake.tier_session WHERE stream_id = ANY(%s) AND NOT counted
ORDER BY 1, 2 FOR UPDATE
"""
_SUMS = """
SELECT stream_id, sum(sessions)::bigint, sum(net)::bigint, array_agg(energy_wh) FILTER (WHERE sessions > 0),
       sum(commission)::bigint, sum(commission_vat)::bigint
FROM intake.tier_session WHERE stream_id = ANY(%s) GROUP BY stream_id
"""
_COUNTED = """
UPDATE intake.tier_session AS kept SET counted = true
FROM unnest(%s::text[], %s::uuid[]) AS locked (session_id, stream_id)
WHERE kept.session_id = locked.session_id AND kept.stream_id = locked.stream_id
"""


@value
class MonthSum:
    """What the sessions of a month come to, and what they were charged in all; minor units."""

    counts: Month
    commission: int
    commission_vat: int


def keep_tiered(cursor: Cursor[TupleRow], found: Mapping[str, tuple[UUID, Tiered] | None]) -> None:
    """Write what sessions count for, whose heads this transaction has locked; None for those that count nowhere."""
    if not found:
        return
    ids = sorted(found)
    streams = [each[0] if (each := found[session_id]) is not None else None for session_id in ids]
    cursor.execute(_LEAVE, (array(ids), array(streams)))
    rows = [(session_id, *_row(*each)) for session_id in ids if (each := found[session_id]) is not None]
    if rows:
        cursor.execute(_COUNT, columns(rows))


def _row(stream_id: UUID, tiered: Tiered) -> tuple[object, ...]:
    month, counts = tiered.month, tiered.counts
    return (
        *(stream_id, month.operator_id, month.words, month.ends_at, month.currency),
        *(counts.sessions, counts.net, plain(counts.energy_wh), tiered.commission, tiered.commission_vat),
    )


def due_months(cursor: Cursor[TupleRow], until: datetime, at_most: int) -> dict[UUID, TierMonth]:
    """Months that are over by a moment and are not on the book as their sessions are now, by stream."""
    rows = cursor.execute(_DUE, (until, at_most)).fetchall()
    return {stream_id: TierMonth(*month) for stream_id, *month in rows}


def sums_of(cursor: Cursor[TupleRow], stream_ids: Sequence[UUID]) -> dict[UUID, MonthSum]:
    """What months come to, whose streams are locked; their sessions count as they are from here on."""
    locked = cursor.execute(_LOCK, (list(stream_ids),)).fetchall()
    found = {}
    for stream_id, sessions, net, energies, commission, vat in cursor.execute(_SUMS, (list(stream_ids),)).fetchall():
        energy_wh = sum(map(Fraction, energies or ()), Fraction(0))
        found[stream_id] = MonthSum(Month(net, energy_wh, sessions), commission, vat)
    cursor.execute(_COUNTED, ([each[0] for each in locked], [each[1] for each in locked]))
    return found
