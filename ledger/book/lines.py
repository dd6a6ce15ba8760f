"""Payable lines: each entry's effect on what an operator is owed, until a payout pays it."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.payout.lines import Line
from domain.values import reader_of, value
from ledger.arrays import columns

# The fields of a `NewLine` are the columns it is written to, of these types.
_LINE_TYPES = {
    "entry_id": "uuid",
    "stream_id": "uuid",
    "share": "text",
    "operator_id": "text",
    "currency": "text",
    "amount": "int8",
    "released_at": "timestamptz",
    "available_on": "date",
    "reserve_release": "bool",
    "payout_id": "text",
    "takes_back": "uuid",
    "effective_at": "timestamptz",
    "kind": "text",
}
_line_values = reader_of(_LINE_TYPES)
_COPY_LINES = f"COPY intake.line ({', '.join(_LINE_TYPES)}) FROM STDIN (FORMAT BINARY)"
# A release that changed moves the lines of its share that are not paid yet.
_MOVE_RELEASES = """
UPDATE intake.line AS line SET released_at = new.released_at, available_on = new.available_on
FROM unnest(%s::uuid[], %s::text[], %s::timestamptz[], %s::date[])
    AS new (stream_id, share, released_at, available_on)
WHERE line.stream_id = new.stream_id AND line.share = new.share AND line.payout_id IS NULL
"""
# What takes a paid line back comes off the next payout: it is released as that one was.
_RELEASE_TAKEN_BACK = """
UPDATE intake.line AS line SET released_at = paid.released_at, available_on = paid.available_on
FROM intake.line AS paid
WHERE line.entry_id = ANY(%s) AND line.payout_id IS NULL AND paid.entry_id = line.takes_back
  AND paid.operator_id = line.operator_id AND paid.payout_id IS NOT NULL
"""
# The same for shares whose release was withdrawn. A statement of its own, so that it sees what a run has paid while
# the one before it waited for that run.
_RELEASE_TAKEN_BACK_OF_SHARES = """
UPDATE intake.line AS line SET released_at = paid.released_at, available_on = paid.available_on
FROM unnest(%s::uuid[], %s::text[]) AS share (stream_id, name), intake.line AS paid
WHERE line.stream_id = share.stream_id AND line.share = share.name AND line.payout_id IS NULL
  AND paid.entry_id = line.takes_back AND paid.operator_id = line.operator_id AND paid.payout_id IS NOT NULL
"""
# What the runs of an operator may pay.
_PAYABLE = """
SELECT entry_id, currency, amount, released_at, available_on, reserve_release, stream_id, coalesce(kind, ''),
       share = 'retained-release', free_from, effective_at, operator_id
FROM intake.line
WHERE operator_id = ANY(%s) AND payout_id IS NULL AND released_at IS NOT NULL
ORDER BY entry_id
"""
# The same, locked so that no release can move while a run decides.
_LOCK_PAYABLE = f"{_PAYABLE} FOR UPDATE"
_COUNT_PAYABLE = """
SELECT operator_id, count(*) FROM intake.line
WHERE operator_id = ANY(%s) AND payout_id IS NULL AND released_at IS NOT NULL GROUP BY operator_id
"""
# What became of lines.
_OF_ENTRIES = """
SELECT entry_id, amount, released_at IS NOT NULL, payout_id IS NOT NULL
FROM intake.line JOIN unnest(%s::uuid[], %s::text[]) AS asked (entry_id, operator_id) USING (entry_id, operator_id)
"""
_PAY = """
UPDATE intake.line AS line SET payout_id = new.payout_id
FROM unnest(%s::uuid[], %s::text[], %s::text[]) AS new (entry_id, operator_id, payout_id)
WHERE line.entry_id = new.entry_id AND line.operator_id = new.operator_id
"""

# The lines of a payout that was rejected may be paid by runs after it.
_FREE = """
UPDATE intake.line AS line SET payout_id = NULL, free_from = new.free_from
FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::timestamptz[])
    AS new (entry_id, operator_id, payout_id, free_from)
WHERE line.entry_id = new.entry_id AND line.operator_id = new.operator_id
  AND (line.payout_id IS NULL OR line.payout_id = new.payout_id)
"""
_ARE_FREE = """
SELECT count(*) FROM (
    SELECT FROM intake.line WHERE entry_id = ANY(%s) AND operator_id = %s AND payout_id IS NULL FOR UPDATE
) AS free
"""


@value
class NewLine:
    """A line as it is first written; `amount` in minor units, positive in the operator's favour.

    `takes_back` is the entry whose line this one mirrors; `effective_at` and `kind` are the entry's own.
    """

    entry_id: UUID
    stream_id: UUID
    share: str
    operator_id: str
    currency: str
    amount: int
    released_at: datetime | None
    available_on: date | None
    reserve_release: bool = False
    payout_id: str | None = None
    takes_back: UUID | None = None
    effective_at: datetime | None = None
    kind: str | None = None


@value
class MovedRelease:
    """The release of a share as it is now."""

    stream_id: UUID
    share: str
    released_at: datetime | None
    available_on: date | None


@value
class LineState:
    """A line's worth in minor units, and whether it may be paid and is."""

    amount: int
    is_released: bool
    is_paid: bool


def add_lines(cursor: Cursor[TupleRow], lines: Sequence[NewLine]) -> None:
    """Write a set of lines, after the releases have moved: what takes paid lines back comes off the next payout."""
    if not lines:
        return
    with cursor.copy(_COPY_LINES) as copy:
        # A binary COPY converts nothing: each value has to go out as the type of its column.
        copy.set_types(list(_LINE_TYPES.values()))
        for line in lines:
            copy.write_row(_line_values(line))
    if mirrors := [line.entry_id for line in lines if line.takes_back is not None]:
        cursor.execute(_RELEASE_TAKEN_BACK, (mirrors,))


def move_releases(cursor: Cursor[TupleRow], moved: Sequence[MovedRelease]) -> None:
    """Bring the unpaid lines of shares in step with their releases; what takes a paid line back stays released."""
    if moved:
        rows = [(m.stream_id, m.share, m.released_at, m.available_on) for m in moved]
        cursor.execute(_MOVE_RELEASES, columns(rows))
    if withdrawn := [(m.stream_id, m.share) for m in moved if m.released_at is None]:
        cursor.execute(_RELEASE_TAKEN_BACK_OF_SHARES, columns(withdrawn))


def payable_lines(
    cursor: Cursor[TupleRow], operator_ids: Sequence[str], *, locked: bool = True
) -> dict[str, list[Line]]:
    """The unpaid, released lines of operators, locked or as they stand; of each operator by entry."""
    found: dict[str, list[Line]] = {operator_id: [] for operator_id in operator_ids}
    query = _LOCK_PAYABLE if locked else _PAYABLE
    for *line, operator_id in cursor.execute(query, (list(operator_ids),)).fetchall():
        found[operator_id].append(Line(*line))
    return found


def count_payable(cursor: Cursor[TupleRow], operator_ids: Sequence[str]) -> dict[str, int]:
    """How many unpaid, released lines operators have; those without any are left out."""
    return dict(cursor.execute(_COUNT_PAYABLE, (list(operator_ids),)).fetchall())


def lines_of_entries(cursor: Cursor[TupleRow], entries: Sequence[tuple[UUID, str]]) -> dict[UUID, LineState]:
    """What became of the lines that operators have of entries, one of each, by entry."""
    rows = cursor.execute(_OF_ENTRIES, columns(entries)).fetchall() if entries else []
    return {entry_id: LineState(*state) for entry_id, *state in rows}


def free_lines(cursor: Cursor[TupleRow], freed: Sequence[tuple[UUID, str, str, datetime]]) -> None:
    """Have lines paid by later runs that a payout was to pay, which was rejected at a moment."""
    if freed:
        cursor.execute(_FREE, columns(sorted(freed)))


def are_free(cursor: Cursor[TupleRow], entry_ids: Sequence[UUID], operator_id: str) -> bool:
    """Whether no payout pays any of these lines of an operator; they are locked."""
    row = cursor.execute(_ARE_FREE, (list(entry_ids), operator_id)).fetchone()
    return row is not None and row[0] == len(entry_ids)


def pay_lines(cursor: Cursor[TupleRow], paid: Iterable[tuple[UUID, str, str]]) -> None:
    """Set lines aside, each an entry and whose it is, for the payouts that pay them."""
    rows = sorted(paid)
    if rows:
        cursor.execute(_PAY, columns(rows))
