"""What runs are about to pay is audited against stored events: who has a line that they do not give is paid nothing.

Lines are rows that the writer may insert and change. Each that a run may pay has to be released as its share was
last, by stored events: one statement compares them all. In sums, what is not paid of an operator comes to what its
accounts hold, what has matured of it to what is available on them (2010), and each line to what its entry changes;
the database guards accounts and entries. What was not released so, and each line of whom sums differ, is audited by
itself: stored bookings have to give the entry and its amount, and say from when on it may be paid. Where what is
available still differs, and no share that waits for the clock explains it, what was paid is audited too. The lines
that runs would pay are locked by then: no release of them moves meanwhile.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import LiteralString, NamedTuple
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.bookings import Booking, PaidTwice, ReserveReleased, TiersSettled
from domain.book.matter_posting import RULES_OF_MATTERS
from domain.book.roaming_bookings import HomeChargingEarned
from domain.book.treasury_bookings import FundsBought, FundsSold
from domain.calendar import opens_at, utc_text
from domain.catalogue.catalogue import Catalogue
from domain.matter.judgement import delayed
from domain.money import format_minor
from domain.payout.lines import Line
from domain.payout.payout import Payout
from engine.paid_lines import hidden_lines
from engine.payout_streams import load_payouts
from engine.stored_lines import Given, given_lines
from ledger.arrays import columns

# What is not paid of operators: by their lines, of each date from which they may be paid as far as they are released
# by a moment, and by their accounts, what is available (2010) and all; with the payouts that wait for approval.
_SUMS = """
WITH asked AS (SELECT unnest(%s::text[]) AS operator_id), of_day AS (
    SELECT operator_id, currency, CASE WHEN released_at <= %s THEN available_on END AS day,
           sum(amount)::bigint AS amount
    FROM intake.line WHERE operator_id IN (SELECT operator_id FROM asked) AND payout_id IS NULL GROUP BY 1, 2, 3
), unpaid AS (
    SELECT operator_id, currency, array_agg(day) AS days, array_agg(amount) AS amounts
    FROM of_day GROUP BY operator_id, currency
), held AS (
    SELECT operator_id, currency, sum(credits - debits)::bigint AS amount,
           coalesce(sum(credits - debits) FILTER (WHERE prefix = '2010/'), 0)::bigint AS available
    FROM asked CROSS JOIN unnest(ARRAY['2010/', '2011/']) AS prefix
    JOIN book.balance ON account = prefix || operator_id
    GROUP BY operator_id, currency
)
SELECT operator_id, currency, coalesce(days, '{}'), coalesce(amounts, '{}'),
       coalesce(held.amount, 0), coalesce(held.available, 0),
       ARRAY(SELECT payout_id FROM intake.open_payout AS payout
             WHERE payout.operator_id = together.operator_id AND awaits)
FROM unpaid FULL JOIN held USING (operator_id, currency) AS together
"""
# Operators with a line that does not come to what its entry changes.
_OTHERWISE = """
SELECT DISTINCT operator_id FROM intake.line
WHERE operator_id = ANY(%s) AND payout_id IS NULL AND released_at IS NOT NULL AND amount IS DISTINCT FROM (
    SELECT -sum(amount_minor) FROM book.posting
    WHERE posting.entry_id = line.entry_id AND posting.currency = line.currency
          AND account IN ('2010/' || line.operator_id, '2011/' || line.operator_id))
"""
_COLUMNS: LiteralString = """
SELECT entry_id, stream_id, share, operator_id, currency, amount, takes_back, effective_at, kind, released_at,
       available_on, free_from,
"""
# Shares with lines to be audited by themselves: not released as stored events of their stream released them last, or
# said to be free since a payout was rejected. What no event releases is due at its own time, and not before. Each
# stream is read by its key, whatever the planner thinks of the number of lines.
_UNLIKE = """
SELECT kept.stream_id, kept.share FROM (
    SELECT stream_id, share, min(released_at) AS first, max(released_at) AS last, min(available_on) AS first_day,
           max(available_on) AS last_day, bool_or(free_from IS NOT NULL) AS is_freed
    FROM intake.line WHERE operator_id = ANY(%s) AND payout_id IS NULL AND released_at IS NOT NULL
    GROUP BY stream_id, share
) AS kept
LEFT JOIN LATERAL (
    SELECT body.* FROM event_store.stored_events
    CROSS JOIN LATERAL json_to_record(convert_from(state, 'UTF8')::json)
        AS body (share text, released_at timestamptz, available_on date)
    WHERE originator_id = kept.stream_id AND topic = 'ShareReleased' AND body.share = kept.share
    ORDER BY originator_version DESC LIMIT 1
) AS stored ON true
WHERE is_freed OR CASE WHEN stored.share IS NULL THEN first <= %s
    ELSE (first, last, first_day, last_day) IS DISTINCT FROM
         (stored.released_at, stored.released_at, stored.available_on, stored.available_on) END
"""
_OF_SHARES = f"""
{_COLUMNS} NULL FROM unnest(%s::uuid[], %s::text[]) AS asked (of_stream, of_share)
JOIN intake.line ON stream_id = of_stream AND share = of_share AND payout_id IS NULL AND released_at IS NOT NULL
"""
# All that is not paid and released, and debits that are not; of these the last release of their share, by stored
# events of the same moment.
_ALL = f"""
{_COLUMNS} CASE WHEN released_at IS NULL THEN (
           SELECT convert_from(state, 'UTF8')::json ->> 'released_at' FROM event_store.stored_events
           WHERE originator_id = stream_id AND topic = 'ShareReleased'
                 AND convert_from(state, 'UTF8')::json ->> 'share' = share
           ORDER BY originator_version DESC LIMIT 1) END
FROM intake.line
WHERE operator_id = ANY(%s) AND payout_id IS NULL AND (released_at IS NOT NULL OR amount < 0)
"""  # noqa: S608 (texts of ours)
# What was paid without having been released as it says, by stored events.
_NEVER = f"""
{_COLUMNS} NULL FROM intake.line
WHERE operator_id = ANY(%s) AND payout_id IS NOT NULL AND NOT EXISTS (
    SELECT FROM event_store.stored_events
    CROSS JOIN LATERAL json_to_record(convert_from(state, 'UTF8')::json)
        AS body (share text, released_at timestamptz, available_on date)
    WHERE originator_id = stream_id AND topic = 'ShareReleased' AND body.share = line.share
      AND body.released_at = line.released_at AND body.available_on = line.available_on)
"""
_REJECTED = "SELECT payout_id FROM intake.open_payout WHERE operator_id = ANY(%s) AND rejected_at IS NOT NULL"

# What is payable from its own time on, without a release that is stored: what payouts, matters, months of tiers and
# conversions book by themselves.
_RELEASED_BY_ITSELF = (
    ReserveReleased,
    PaidTwice,
    TiersSettled,
    *RULES_OF_MATTERS,
    FundsSold,
    FundsBought,
    HomeChargingEarned,
)
# How far the business date of a moment may be from its date in UTC.
_ANY_ZONE = timedelta(days=2)


class _Row(NamedTuple):
    """A line as it stands; `last_release` of its share is read of unreleased ones only."""

    entry_id: UUID
    stream_id: UUID
    share: str
    operator_id: str
    currency: str
    amount: int
    takes_back: UUID | None
    effective_at: datetime | None
    kind: str | None
    released_at: datetime | None
    available_on: date | None
    free_from: datetime | None
    last_release: str | None


class _Sum(NamedTuple):
    """What is not paid of an operator by its lines, and what its accounts hold of it; minor units.

    `ahead` is how much more has matured by the lines than is available on the account (negative: less).
    """

    operator_id: str
    currency: str
    unpaid: int
    held: int
    ahead: int

    @property
    def is_suspect(self) -> bool:
        return self.unpaid != self.held or self.ahead != 0

    def sentence(self) -> str:
        """What is wrong where the two differ."""
        told, right = (format_minor(amount, self.currency) for amount in (self.unpaid, self.held))
        return (
            f"lines of {self.operator_id} that are not paid come to {told} {self.currency}, and by its accounts to "
            f"{right}: rows of intake.line were changed by hand; nothing is paid before 'wattledger verify' says "
            "which, and they are mended"
        )


def doubtful_lines(
    cursor: Cursor[TupleRow], catalogue: Catalogue, payable: Mapping[str, Sequence[Line]], until: datetime
) -> dict[str, str]:
    """The operators whose lines are not those that stored events give, each with a sentence that says why.

    `payable` are the lines that their runs may pay, locked; what has matured by `until` is booked.
    """
    sums = _sums(cursor, catalogue, list(payable), until)
    suspects = {each.operator_id for each in sums if each.is_suspect}
    suspects |= {row[0] for row in cursor.execute(_OTHERWISE, (list(payable),)).fetchall()}
    rows = _rows_to_audit(cursor, payable, sorted(suspects), until)
    given = given_lines(cursor, {row.stream_id for row in rows})
    doubts = _doubts(cursor, catalogue, rows, given)
    for each in sums:
        if each.unpaid != each.held:
            doubts.setdefault(each.operator_id, each.sentence())
    late = _late(catalogue, rows, given, until)
    ahead = {each.operator_id for each in sums if each.ahead and each.ahead != late[each.operator_id, each.currency]}
    return doubts | _doubts_of_paid(cursor, catalogue, sorted(ahead - doubts.keys()))


def _rows_to_audit(
    cursor: Cursor[TupleRow], payable: Mapping[str, Sequence[Line]], suspects: Sequence[str], until: datetime
) -> list[_Row]:
    """All lines of the suspects, and of everybody else those that no stored event released as they are."""
    found: list[_Row] = []
    if others := sorted(payable.keys() - set(suspects)):
        shares = cursor.execute(_UNLIKE, (others, until), binary=True).fetchall()
        if shares:
            found += [_Row(*row) for row in cursor.execute(_OF_SHARES, columns(shares), binary=True).fetchall()]
    if suspects:
        found += [_Row(*row) for row in cursor.execute(_ALL, (suspects,), binary=True).fetchall()]
    if not found:
        return []
    known = {line.entry_id for lines in payable.values() for line in lines}
    # What came after the lines were locked is for the next run.
    return [row for row in found if row.released_at is None or row.entry_id in known]


def _doubts(cursor: Cursor[TupleRow], catalogue: Catalogue, rows: Iterable[_Row], given: Given) -> dict[str, str]:
    """Whose lines stored events do not give, each with a sentence about one of them."""
    doubts: dict[str, str] = {}
    freed: list[_Row] = []
    for row in rows:
        why = _why_not(row, given, catalogue)
        if why:
            doubts.setdefault(row.operator_id, _sentence(row, why))
        elif row.free_from is not None:
            freed.append(row)
    for row, why in _falsely_freed(cursor, freed):
        doubts.setdefault(row.operator_id, _sentence(row, why))
    return doubts


def _doubts_of_paid(cursor: Cursor[TupleRow], catalogue: Catalogue, operator_ids: Sequence[str]) -> dict[str, str]:
    """The same of what was paid, for operators whose unpaid lines do not explain what is available."""
    if not operator_ids:
        return {}
    rows = [_Row(*row) for row in cursor.execute(_NEVER, (operator_ids,), binary=True).fetchall()]
    given = given_lines(cursor, {row.stream_id for row in rows})
    doubts = {row.operator_id: _sentence(row, why) for row in rows if (why := _why_not(row, given, catalogue))}
    return doubts | dict(hidden_lines(cursor, operator_ids))


def _late(catalogue: Catalogue, rows: Iterable[_Row], given: Given, until: datetime) -> Mapping[tuple[str, str], int]:
    """What has matured by its lines and waits for the clock to book it, by operator and currency; minor units."""
    shares = {
        (row.stream_id, row.share, row.operator_id, row.currency)
        for row in rows
        if row.released_at is not None
        and row.released_at <= until
        and _has_matured(catalogue, row.operator_id, row.available_on, until)
    }
    late: dict[tuple[str, str], int] = defaultdict(int)
    for stream_id, share, operator_id, currency in shares:
        late[operator_id, currency] += given.pending[stream_id, share]
    return late


def _why_not(row: _Row, given: Given, catalogue: Catalogue) -> str:
    """Why stored events do not give a line as it stands; "" where they do."""
    found = given.lines.get((row.entry_id, row.operator_id))
    if found is None:
        return "no stored event booked it"
    told, booking = found
    if told != row[1:9]:
        return "its stored event booked it otherwise"
    if isinstance(booking, _RELEASED_BY_ITSELF):
        return _why_not_by_itself(row, booking, catalogue)
    releases = given.releases.get((row.stream_id, row.share), [])
    if row.released_at is None:
        return f"it was released at {row.last_release} by a stored event, and is not" if row.last_release else ""
    # What takes something back may be paid as that was; what was freed is released as when its payout took it.
    allowed = releases[-1:] if row.takes_back is None and row.free_from is None else releases
    if (row.released_at, row.available_on) in allowed:
        return ""
    return f"no stored event released it at {utc_text(row.released_at)}, to be paid from {row.available_on} on"


def _why_not_by_itself(row: _Row, booking: Booking, catalogue: Catalogue) -> str:
    """The same of what is payable from its own time on, once its operator has terms."""
    if row.released_at is None:
        terms = catalogue.operators.get(row.operator_id)
        has_terms = terms is not None and terms.at(booking.effective_at) is not None
        return "it is payable from its own time on, and not released" if has_terms else ""
    latest = booking.effective_at.date() + _ANY_ZONE
    known = catalogue.operators.get(row.operator_id)
    if isinstance(booking, HomeChargingEarned) and known:
        # It waits as what partners pay does, by the terms at its time.
        ruling = known.at(booking.effective_at) or known.timeline[0][1].value
        latest = delayed(booking.effective_at, ruling).available_on
    if row.released_at != booking.effective_at or row.available_on is None or row.available_on > latest:
        return f"it is payable from {utc_text(booking.effective_at)} on, and not from {row.available_on}"
    return ""


def _falsely_freed(cursor: Cursor[TupleRow], rows: Sequence[_Row]) -> Iterator[tuple[_Row, str]]:
    """Lines that are said to be free since a payout of them was rejected, and no stored event says so."""
    if not rows:
        return
    ids = [row[0] for row in cursor.execute(_REJECTED, (sorted({row.operator_id for row in rows}),)).fetchall()]
    freed: set[tuple[str, datetime | None]] = set()
    for payout in load_payouts(cursor, ids, locked=False).values():
        if payout.proposed is not None:
            freed |= {(entry_id, payout.status_at) for entry_id in payout.proposed.entry_ids}
    for row in rows:
        if (str(row.entry_id), row.free_from) not in freed:
            yield row, "no payout of it was rejected when it is said to have been"


def _sums(cursor: Cursor[TupleRow], catalogue: Catalogue, operator_ids: Sequence[str], until: datetime) -> list[_Sum]:
    rows = cursor.execute(_SUMS, (operator_ids, until)).fetchall()
    payouts = load_payouts(cursor, (key for row in rows for key in row[6]), locked=False)
    sums = []
    for operator_id, currency, days, amounts, held, available, waiting in rows:
        set_aside = sum(_set_aside(payouts[key], currency) for key in waiting)
        matured = sum(
            amount
            for amount, day in zip(amounts, days, strict=True)
            if _has_matured(catalogue, operator_id, day, until)
        )
        ahead = matured + set_aside - available
        sums.append(_Sum(operator_id, currency, sum(amounts), held - set_aside, ahead))
    return sums


def _has_matured(catalogue: Catalogue, operator_id: str, day: date | None, until: datetime) -> bool:
    """Whether what may be paid from a business date on is available, as soon as that begins (P3)."""
    terms = catalogue.operators[operator_id].at(until)
    if terms is None or day is None:
        return False
    return opens_at(day, terms.time_zone, terms.payout.cutoff) <= until


def _set_aside(payout: Payout, currency: str) -> int:
    """What lines come to that a payout has taken which waits for approval; minor units."""
    made = payout.proposed
    if made is None or made.currency != currency or made.reissue_of is not None:
        return 0
    return made.amount + made.reserve + sum(made.withheld.values()) + made.fee + made.fee_vat


def _sentence(row: _Row, why: str) -> str:
    return (
        f"the line of entry {row.entry_id}, {format_minor(row.amount, row.currency)} {row.currency}, is none "
        f"that stored events give: {why}; the row of intake.line was made or changed by hand: nothing is "
        f"paid before it is mended"
    )
