"""One payout, for those who ask: what it pays, what the bank said of it, its entries, and the file it stands in."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

from domain.book.journal import Entry
from domain.fact import RecordedFact
from domain.payout.events import payout_stream
from ledger.events.codec import decode
from ledger.events.store import read_streams
from projections.payout_list import shown_payout
from projections.queries import PayoutRow, payout, payout_id_as_written
from projections.story import entries_by_id, entry_ids_of

_GOES_TO = """
SELECT holder_name, execution_date, content_hash, approvals_needed,
       (SELECT name FROM intake.bank_file_payout AS stands WHERE stands.payout_id = payouts.payout_id)
FROM projection.payouts
WHERE payout_id = %s
"""
# The attempt that repeats this one.
_REPEATED_BY = "SELECT payout_id FROM projection.payouts WHERE reissue_of = %s"

# What a payout pays, by kind of entry; the entries are read by their keys.
_BY_KIND = """
SELECT entry.kind, count(*) AS entries, sum(line.amount)::bigint AS amount
FROM projection.payouts CROSS JOIN unnest(payouts.entry_ids) AS paid (entry_id)
JOIN intake.line USING (entry_id, operator_id) JOIN book.entry USING (entry_id)
WHERE payouts.payout_id = %s
GROUP BY entry.kind
ORDER BY entry.kind
"""
_LINES = """
SELECT entry.entry_id, entry.kind, entry.session_id, entry.effective_at, line.released_at, line.available_on,
       line.amount
FROM projection.payouts CROSS JOIN unnest(payouts.entry_ids) AS paid (entry_id)
JOIN intake.line USING (entry_id, operator_id) JOIN book.entry USING (entry_id)
WHERE payouts.payout_id = %s
ORDER BY entry.effective_at, entry.kind, entry.entry_id
LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class PaidLine:
    """An entry that a payout pays: its effect on what the operator is owed, in minor units, and when it matured.

    `entry_id` is None for the reserve of a payout that waits for approval: it is not posted yet.
    """

    entry_id: UUID | None
    kind: str
    session_id: str | None
    effective_at: datetime
    released_at: datetime | None
    available_on: date | None
    amount: int


@dataclass(frozen=True, slots=True)
class KindPaid:
    """How many entries of a kind a payout pays, and what they come to in minor units."""

    kind: str
    entries: int
    amount: int


@dataclass(frozen=True, slots=True)
class PayoutStory:
    """A payout from its run on; `lines` are the first of what it pays, `kinds` all of it.

    `account` is masked. `content_hash` is what who decides about it names; `doubts` say why somebody has to, and
    `approvals` counts those that count so far. `answers` are those of banks, and what people decided.
    """

    payout: PayoutRow
    holder_name: str
    account: str | None
    execution_date: date | None
    content_hash: str | None
    approvals_needed: int | None
    approvals: int
    doubts: tuple[str, ...]
    bank_file: str | None
    repeated_by: str | None
    answers: tuple[RecordedFact, ...]
    entries: tuple[Entry, ...]
    kinds: tuple[KindPaid, ...]
    lines: tuple[PaidLine, ...]


def payout_story(cursor: Cursor[TupleRow], payout_id: str, lines: int) -> PayoutStory | None:
    """Everything that is known of a payout, with at most so many lines; None where there is none of this id.

    Needs a role that may read the event store and the intake.
    """
    written = payout_id_as_written(payout_id)
    found, shown = payout(cursor, written), shown_payout(cursor, written)
    goes_to = cursor.execute(_GOES_TO, (written,)).fetchone()
    if found is None or shown is None or goes_to is None:
        return None
    holder_name, execution_date, content_hash, approvals_needed, bank_file = goes_to
    repeated_by = cursor.execute(_REPEATED_BY, (written,)).fetchone()
    stream_id = payout_stream(written)
    timeline = tuple(decode(event.topic, event.state) for event in read_streams(cursor, [stream_id])[stream_id])
    with cursor.connection.cursor(row_factory=class_row(KindPaid)) as rows:
        kinds = tuple(rows.execute(_BY_KIND, (written,)).fetchall())
    with cursor.connection.cursor(row_factory=class_row(PaidLine)) as rows:
        first = tuple(rows.execute(_LINES, (written, lines)).fetchall())
    return PayoutStory(
        found,
        holder_name,
        shown.account,
        execution_date,
        content_hash,
        approvals_needed,
        len(shown.approvals),
        tuple(shown.doubts),
        bank_file,
        repeated_by[0] if repeated_by else None,
        tuple(event for event in timeline if isinstance(event, RecordedFact)),
        entries_by_id(cursor, entry_ids_of(timeline, stream_id)),
        kinds,
        first,
    )
