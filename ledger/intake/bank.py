"""What is known of our bank accounts beside the streams of entries: lines by their names, receipts, statements."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from ledger.arrays import columns
from ledger.locks import Lock, hold

_FORGET_LINES = "DELETE FROM intake.bank_line WHERE stream_id = ANY(%s) AND NOT entry_reference = ANY(%s)"
_KEEP_LINE = """
INSERT INTO intake.bank_line (entry_reference, stream_id, booked_at, currency, amount, names)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (entry_reference) DO UPDATE SET booked_at = excluded.booked_at, currency = excluded.currency,
    amount = excluded.amount, names = excluded.names
"""
_LINES_NAMING = """
SELECT entry_reference, stream_id, booked_at, currency, amount, names, confirmed
FROM intake.bank_line WHERE names && %s::text[]
"""
_LINES = """
SELECT entry_reference, stream_id, booked_at, currency, amount, names, confirmed
FROM intake.bank_line WHERE entry_reference = ANY(%s)
"""
# Entries of which something is allocated to a partner that nobody has registered.
_AWAIT = """
INSERT INTO intake.bank_allocation (partner, stream_id) SELECT * FROM unnest(%s::text[], %s::uuid[])
ON CONFLICT DO NOTHING
"""
_AWAITING = "DELETE FROM intake.bank_allocation WHERE partner = ANY(%s) RETURNING stream_id"
_CONFIRM = """
UPDATE intake.bank_line AS line SET confirmed = new.confirmed
FROM unnest(%s::text[], %s::text[]) AS new (entry_reference, confirmed)
WHERE line.entry_reference = new.entry_reference
"""
_FORGET_RECEIPTS = "DELETE FROM intake.told_receipt WHERE stream_id = ANY(%s)"
_KEEP_RECEIPTS = """
INSERT INTO intake.told_receipt (stream_id, currency, subject, name, told_at, amount)
SELECT * FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::bigint[])
"""
# All parts of a settlement together.
_RECEIPTS = """
SELECT min(told_at), subject, name, currency, sum(amount)::bigint
FROM intake.told_receipt WHERE name = ANY(%s) GROUP BY subject, name, currency
"""
_KNOWN_NAMES = "SELECT DISTINCT name FROM intake.told_receipt WHERE name = ANY(%s)"
_FILE = "SELECT content FROM intake.bank_file WHERE right(name, 40) = %s"
# Those that stand in bank files, and those that were made and stand in none.
_PAYOUTS_BETWEEN = """
SELECT payout_id FROM intake.bank_file_payout WHERE payout_id BETWEEN %(low)s AND %(high)s
UNION SELECT payout_id FROM intake.open_payout WHERE payout_id BETWEEN %(low)s AND %(high)s
LIMIT 2
"""
# Those of one trace number with their files; files begin at different numbers, so that there are few.
_PAYOUTS_IN_FILE = """
SELECT payout_id FROM intake.bank_file_payout JOIN intake.bank_file USING (name)
WHERE name = %(name)s OR right(name, 40) = ANY(%(ids)s) ORDER BY payout_id
"""
_TRACED = """
SELECT payout_id, content FROM intake.bank_file_payout JOIN intake.bank_file USING (name)
WHERE trace = %s ORDER BY payout_id LIMIT 10
"""
_TRACE_OF = "SELECT trace FROM intake.bank_file_payout WHERE payout_id = %s"
_KEEP_STATEMENT = """
INSERT INTO intake.bank_statement (account, year, number, stream_id) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING
"""
# A statement and the next one after it, each with the number before it.
_STATEMENTS_FROM = """
SELECT stream_id, number, (
    SELECT max(number) FROM intake.bank_statement AS before
    WHERE (before.account, before.year) = (this.account, this.year) AND before.number < this.number
)
FROM intake.bank_statement AS this
WHERE account = %s AND year = %s AND number >= %s ORDER BY number LIMIT 2
"""


class KeptLine(NamedTuple):
    """A line as it is kept; `confirmed` is how it was found to be told of, as a text that is compared."""

    reference: str
    stream_id: UUID
    at: datetime
    currency: str
    amount: int
    names: Sequence[str]
    confirmed: str = ""


class KeptReceipt(NamedTuple):
    """What a stream of a receipt has on the book in one currency."""

    stream_id: UUID
    currency: str
    subject: str
    name: str
    at: datetime
    amount: int


def lock_bank_lines(cursor: Cursor[TupleRow]) -> None:
    """Have one transaction at a time compare lines with what was told: two that see half each would miss it."""
    hold(cursor, Lock.BANK_LINES)


def keep_lines(cursor: Cursor[TupleRow], lines: Mapping[UUID, Sequence[KeptLine]]) -> None:
    """Keep just these lines of the streams of entries."""
    every = [line for found in lines.values() for line in found]
    cursor.execute(_FORGET_LINES, (list(lines), [line.reference for line in every]))
    cursor.executemany(_KEEP_LINE, [(*line[:5], list(line.names)) for line in every])


def keep_receipts(cursor: Cursor[TupleRow], stream_ids: Collection[UUID], receipts: Sequence[KeptReceipt]) -> None:
    """Keep just these receipts of streams."""
    if stream_ids:
        cursor.execute(_FORGET_RECEIPTS, (list(stream_ids),))
    if receipts:
        cursor.execute(_KEEP_RECEIPTS, columns(receipts))


def lines_naming(cursor: Cursor[TupleRow], names: Collection[str]) -> list[KeptLine]:
    """The lines in which one of some names stands."""
    return [KeptLine(*row) for row in cursor.execute(_LINES_NAMING, (list(names),)).fetchall()] if names else []


def kept_lines(cursor: Cursor[TupleRow], references: Collection[str]) -> list[KeptLine]:
    """Lines by their ids."""
    return [KeptLine(*row) for row in cursor.execute(_LINES, (list(references),)).fetchall()] if references else []


def receipts_named(cursor: Cursor[TupleRow], names: Collection[str]) -> list[tuple[datetime, str, str, str, int]]:
    """Receipts by their names: since when, what it is, name, currency and amount, parts together."""
    if not names:
        return []
    return [(*row,) for row in cursor.execute(_RECEIPTS, (list(names),)).fetchall()]


def known_names(cursor: Cursor[TupleRow], names: Collection[str]) -> set[str]:
    """Which of some names are those of receipts that were told of."""
    return {row[0] for row in cursor.execute(_KNOWN_NAMES, (list(names),)).fetchall()}


def note_confirmed(cursor: Cursor[TupleRow], confirmed: Iterable[tuple[str, str]]) -> None:
    """Keep how lines were found to be told of."""
    rows = list(confirmed)
    if rows:
        cursor.execute(_CONFIRM, columns(rows))


def note_statement(cursor: Cursor[TupleRow], account: str, year: int, number: int, stream_id: UUID) -> None:
    """Keep that a statement of this number was told."""
    cursor.execute(_KEEP_STATEMENT, (account, year, number, stream_id))


def statements_from(
    cursor: Cursor[TupleRow], account: str, year: int, number: int
) -> list[tuple[UUID, int, int | None]]:
    """A statement and the one after it: stream, number, and the number before it where there is one."""
    return [(row[0], row[1], row[2]) for row in cursor.execute(_STATEMENTS_FROM, (account, year, number)).fetchall()]


def file_by_id(cursor: Cursor[TupleRow], file_id: UUID) -> bytes | None:
    """The bank file that was made under an id, as it is named to the bank."""
    row = cursor.execute(_FILE, (f"{file_id}.xml",)).fetchone()
    return bytes(row[0]) if row else None


def payout_between(cursor: Cursor[TupleRow], low: str, high: str) -> str:
    """The only payout whose id lies between two; "" where there is none, or more than one."""
    found = cursor.execute(_PAYOUTS_BETWEEN, {"low": low, "high": high}).fetchall()
    return str(found[0][0]) if len(found) == 1 else ""


def await_partners(cursor: Cursor[TupleRow], awaited: Sequence[tuple[str, UUID]]) -> None:
    """Keep which entries wait for which partners to be registered."""
    if awaited:
        cursor.execute(_AWAIT, columns(awaited))


def entries_awaiting(cursor: Cursor[TupleRow], partners: Collection[str]) -> set[UUID]:
    """The entries that waited for these partners; they wait for them no more."""
    return {stream_id for (stream_id,) in cursor.execute(_AWAITING, (list(partners),)).fetchall()}


def payouts_traced(cursor: Cursor[TupleRow], trace: str) -> list[tuple[str, bytes]]:
    """The payouts whose entries in files of the ACH have a trace number, ten at most, each with its file."""
    return [(row[0], bytes(row[1])) for row in cursor.execute(_TRACED, (trace,)).fetchall()]


def trace_of(cursor: Cursor[TupleRow], payout_id: str) -> str:
    """The trace number of a payout in a file of the ACH; "" where it has none that is known."""
    row = cursor.execute(_TRACE_OF, (payout_id,)).fetchone()
    return str(row[0] or "") if row else ""


def payouts_in_file(cursor: Cursor[TupleRow], reference: str) -> list[str]:
    """The payouts of a bank file by its name, or by its id with or without hyphens; none where there is none."""
    try:
        ids = [f"{UUID(reference)}.{suffix}" for suffix in ("xml", "ach", "csv")]
    except ValueError:
        ids = []
    rows = cursor.execute(_PAYOUTS_IN_FILE, {"name": reference, "ids": ids}).fetchall()
    return [str(row[0]) for row in rows]
