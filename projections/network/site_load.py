"""Load of sites: the energy of sessions by quarter hour, of which a session's part is replaced when it changes."""

from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.exact import Exact, half_up
from domain.network.session_use import SessionUse
from domain.network.spread import Part
from ledger.arrays import columns as arrays
from projections.network.batch import Batch

# Each session's Wh in a quarter are rounded to so many places, so that sums are exact whichever way they came about.
PLACES = 30
_ONE = 10**PLACES

_ADD = """
INSERT INTO projection.site_load_row AS kept (generation, operator_id, location_key, quarter, energy_wh, sessions)
SELECT %s, sent.* FROM unnest(%s::text[], %s::text[], %s::integer[], %s::numeric[], %s::integer[]) AS sent
ON CONFLICT (generation, operator_id, location_key, quarter) DO UPDATE
SET energy_wh = kept.energy_wh + excluded.energy_wh, sessions = kept.sessions + excluded.sessions
RETURNING operator_id, location_key, quarter, kept.sessions
"""
_DROP = """
DELETE FROM projection.site_load_row AS kept
USING unnest(%s::text[], %s::text[], %s::integer[]) AS gone (operator_id, location_key, quarter)
WHERE (kept.operator_id, kept.location_key, kept.quarter) = (gone.operator_id, gone.location_key, gone.quarter)
  AND generation = %s
"""


@dataclass(frozen=True, slots=True)
class SiteLoad:
    """Keeps the Wh of sessions by site and quarter hour; a quarter without any has no row."""

    topics: frozenset[str] = frozenset()
    tables: tuple[str, ...] = ("site_load_row",)

    def apply(self, cursor: Cursor[TupleRow], generation: int, batch: Batch) -> None:
        """Add by how much the sessions of a set change; quarters that stay as they were are not written."""
        moved: dict[tuple[str, str, int], list[int]] = {}
        for before, after, _ in batch.changes:
            gone: Sequence[Part] = before.parts if before is not None else ()
            come: Sequence[Part] = after.parts
            if before is not None and _site(before) == _site(after):
                # Most of what a session had stays as it was while it charges.
                gone, come = _without_the_same(gone, come)
            for use, parts, sign in ((before, gone, -1), (after, come, 1)):
                if use is not None and parts:
                    operator_id, location_key = _site(use)
                    for quarter, wh, per in parts:
                        sums = moved.setdefault((operator_id, location_key, quarter), [0, 0])
                        sums[0] += sign * (wh * _ONE if per == 1 else half_up(wh * _ONE, per))
                        sums[1] += sign
        rows = [
            (*key, decimal_text(parts), sessions) for key, (parts, sessions) in moved.items() if parts or sessions
        ]
        if not rows:
            return
        rows.sort()
        written = cursor.execute(_ADD, (generation, *arrays(rows))).fetchall()
        gone = [row[:3] for row in written if row[3] == 0]
        if gone:
            cursor.execute(_DROP, (*arrays(gone), generation))


def _without_the_same(gone: Sequence[Part], come: Sequence[Part]) -> tuple[Sequence[Part], Sequence[Part]]:
    if gone == come:
        return (), ()
    same = 0
    for before, after in zip(gone, come, strict=False):
        if before != after:
            break
        same += 1
    return gone[same:], come[same:]


def _site(use: SessionUse) -> tuple[str, str]:
    return use.operator_id, use.location_id.casefold()


def in_parts(energy_wh: Exact) -> int:
    """Wh as the whole number of their 30th places that is nearest, halves up."""
    return (
        energy_wh * _ONE if isinstance(energy_wh, int) else half_up(energy_wh.numerator * _ONE, energy_wh.denominator)
    )


def decimal_text(parts: int) -> str:
    """Parts of `in_parts` as a decimal text of Wh."""
    whole, rest = divmod(abs(parts), _ONE)
    sign = "-" if parts < 0 else ""
    return f"{sign}{whole}.{rest:0{PLACES}d}" if rest else f"{sign}{whole}"
