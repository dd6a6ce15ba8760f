"""The lines of every account by effective time, each with the position of the event that posted it.

Mirrors are lines too, so the lines up to a position are the book as it stood there. Of accounts that have many lines
there are sums by day or hour, too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, TypeAlias

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.bookings import ShareSplit
from domain.book.drafts import Draft
from domain.book.posting import entry_id
from domain.book.standing import BookChange, Retracted
from ledger.arrays import array, columns
from projections.feed import Place
from projections.movements import BOOK_TOPICS, EventSet, changes_of

# The codes of operators' accounts; 2050 is by payout, and the operator is the payout's.
_OPERATORS = frozenset({"2010", "2011", "2020", "2030", "2050", "2060"})

# Accounts of one session, payment or payout: they have few lines.
FEW_LINES = frozenset({"1105/", "2080/", "2050/"})
# How much of a time's text names its day and its hour.
_DAY, _HOUR = len("2026-03-01"), len("2026-03-01T12")

# A later day would end after all days.
_LAST = datetime(9999, 12, 30, 23, tzinfo=UTC)

# Adds lines in the order of the key, each with what its entry says.
_ADD = """
INSERT INTO projection.account_line_row (generation, account, currency, effective_at, entry_id, line, position,
                                         amount, operator_id, kind, mirror)
SELECT %s, line.account, entry.currency, entry.effective_at, entry.entry_id, line.line, entry.position, line.amount,
       CASE WHEN line.is_operators THEN entry.operator_id END, entry.kind, entry.mirror
FROM unnest(%s::text[], %s::bigint[], %s::int2[], %s::bigint[], %s::bool[])
    AS line (account, number, line, amount, is_operators)
JOIN unnest(%s::uuid[], %s::timestamptz[], %s::text[], %s::text[], %s::bool[], %s::bigint[], %s::text[])
    WITH ORDINALITY AS entry (entry_id, effective_at, currency, kind, mirror, position, operator_id, number)
    USING (number)
ORDER BY line.account COLLATE "C", entry.effective_at, entry.entry_id
"""

# Adds to the sums of days, in the order of the key.
_ADD_TO_DAYS = """
INSERT INTO projection.account_day_row AS kept (generation, account, currency, since, until, first_position,
                                                last_position, debits, credits, operator_id)
SELECT %s, new.*
FROM unnest(%s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[], %s::bigint[], %s::bigint[], %s::bigint[],
            %s::bigint[], %s::text[]) AS new
ON CONFLICT (generation, account, currency, since) DO UPDATE
SET last_position = excluded.last_position,
    debits = kept.debits + excluded.debits, credits = kept.credits + excluded.credits
"""

# The end of what an older store held when markers began.
_ORIGIN = "SELECT position, known_at FROM projection.known WHERE origin"

# Markers from the times of entries, one a transaction that wrote some: only behind those there are and before the
# origin, so that whoever fills the lines anew adds none.
_MARK = """
WITH latest AS (
    SELECT position, known_at FROM projection.known WHERE position < %(origin)s ORDER BY position DESC LIMIT 1
), written AS (
    SELECT max(posted.position) AS position, max(entry.recorded_at) AS recorded_at
    FROM unnest(%(entry_ids)s::uuid[], %(positions)s::bigint[]) AS posted (entry_id, position)
    JOIN book.entry USING (entry_id)
    GROUP BY entry.tx
), marker AS (
    SELECT position, max(recorded_at) OVER (ORDER BY position) AS known_at FROM written
)
INSERT INTO projection.known (position, known_at)
SELECT max(position), known_at
FROM marker
WHERE position < %(origin)s AND known_at < %(known_at)s
  AND position > coalesce((SELECT latest.position FROM latest), 0)
  AND known_at > coalesce((SELECT latest.known_at FROM latest), '-infinity')
GROUP BY known_at
"""


# A line: its account, the number of its entry in the set, its own in the entry, minor units, and whether the account
# is an operator's.
Line: TypeAlias = tuple[str, int, int, int, bool]
# An entry: id in hex, time, currency, kind, whether it is a mirror, position, operator.
Head: TypeAlias = tuple[str, str, str, str, bool, int, str]


@dataclass(slots=True)
class _Posted:
    """What a set of decisions posts; days by account, currency and the beginning of their time's text, in UTC."""

    heads: list[Head] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    days: dict[tuple[str, str, str], list[Any]] = field(default_factory=dict)

    def post(self, decision: BookChange, drafts: Iterable[Draft], place: Place) -> None:
        """Post a booking by the posting rules, or mirror it where it is retracted."""
        booking, mirror, position = decision.booking, type(decision) is Retracted, place.position
        moment, currency, operator_id = booking.effective_at, booking.currency, booking.operator_id
        at = (moment if moment.tzinfo is UTC else moment.astimezone(UTC)).isoformat()
        lines, is_split = self.lines, type(booking) is ShareSplit
        for index, (kind, legs) in enumerate(drafts):
            line, number = 0, len(self.heads) + 1
            for account, amount in legs:
                if not amount:
                    continue
                line += 1
                moved = -amount if mirror else amount
                owned = account[:4] in _OPERATORS
                lines.append((account, number, line, moved, owned))
                if account[:5] not in FEW_LINES:
                    start = at[:_DAY] if account[0] == "2" else at[:_HOUR]
                    whose = account[5:] if is_split else operator_id
                    self._add_to_day((account, currency, start), position, moved, whose if owned else None)
            if is_split and line:
                # Each account is of a payee or of the operator: a head for each of its lines.
                id_ = entry_id(place.stream_id, booking.key, decision.revision, index, mirror).hex
                for offset, (account, _, own, moved, owned) in enumerate(lines[-line:]):
                    lines[offset - line] = (account, number + offset, own, moved, owned)
                    self.heads.append((id_, at, currency, kind, mirror, position, account[5:]))
            elif line:
                id_ = entry_id(place.stream_id, booking.key, decision.revision, index, mirror).hex
                self.heads.append((id_, at, currency, kind, mirror, position, operator_id))

    def _add_to_day(self, day: tuple[str, str, str], position: int, amount: int, operator_id: str | None) -> None:
        sums = self.days.get(day)
        if sums is None:
            sums = self.days[day] = [position, position, 0, 0, operator_id]
        # Decisions come in the order of their positions.
        sums[1] = position
        if amount > 0:
            sums[2] += amount
        else:
            sums[3] -= amount


@dataclass(frozen=True, slots=True)
class AccountLines:
    """Posts each booking by the posting rules, and mirrors those that are retracted, as the journal has them."""

    topics: frozenset[str] = BOOK_TOPICS
    table: str = "account_line_row"
    more_tables: tuple[str, ...] = ("account_day_row",)

    def apply(self, cursor: Cursor[TupleRow], generation: int, events: Sequence[tuple[str, bytes]]) -> None:
        """Add the lines of a set; raises TypeError for events without their places."""
        if not isinstance(events, EventSet) or len(events.places) != len(events):
            raise TypeError("account lines are kept by position: an EventSet with places is needed")
        posted = _Posted()
        for (decision, drafts), place in zip(changes_of(events), events.places, strict=True):
            posted.post(decision, drafts, place)
        if posted.lines:
            cursor.execute(_ADD, (generation, *columns(posted.lines), *columns(posted.heads)))
            _mark_what_is_older(cursor, posted.heads)
        if posted.days:
            days = [(*day[:2], *_span(day[2]), *posted.days[day]) for day in sorted(posted.days)]
            cursor.execute(_ADD_TO_DAYS, (generation, *columns(days)))


@lru_cache(maxsize=10_000)
def _span(start: str) -> tuple[str, str]:
    """The first moment of a day or an hour, and the first behind it, from the beginning of a time's text."""
    is_day = len(start) == _DAY
    since = datetime.fromisoformat(start if is_day else f"{start}:00").replace(tzinfo=UTC)
    return since.isoformat(), (min(since, _LAST) + timedelta(hours=24 if is_day else 1)).isoformat()


def _mark_what_is_older(cursor: Cursor[TupleRow], heads: Sequence[Head]) -> None:
    """When what a store held before it had markers was known, from the times of its entries."""
    origin = cursor.execute(_ORIGIN).fetchone()
    if origin and heads[0][5] < origin[0]:
        entries = {"entry_ids": array([head[0] for head in heads]), "positions": array([head[5] for head in heads])}
        cursor.execute(_MARK, {"origin": origin[0], "known_at": origin[1], **entries})
