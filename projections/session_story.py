"""One session as far as who asks may see: what `projections.story` tells, and all of it in one order of time.

The timeline goes from the register to the bank: messages, decisions, entries, CDRs, and the payouts that pay the
session with what the bank said of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Cursor
from psycopg.rows import TupleRow, class_row

from contracts.messages import DERIVED_FACTS
from domain.book.findings import FindingEnded, FindingOpened
from domain.book.standing import Booked, Retracted
from domain.fact import RecordedFact
from domain.payout.events import PayoutCreated, PayoutStatusChanged, payout_stream
from domain.session.decisions import CdrCredited, CdrIssued, SessionAssessed
from domain.session.session import session_stream
from ledger.events.codec import decode
from projections.energy import energy_entries
from projections.entry_list import EntryRow, entries_by_id
from projections.histories import Decided, History, history_of
from projections.matters import matters_of_session
from projections.queries import PayoutRow
from projections.seen_events import EVERYTHING, SeenEvent, known_at, seen_streams
from projections.story import SessionStory, entry_ids_of_stored

# The payouts that pay any of these entries, every attempt of them: those that the lines name, and those beside them.
_PAYOUTS_OF_ENTRIES = """
WITH named AS (
    SELECT DISTINCT payout_id FROM surface.payable_lines WHERE entry_id = ANY(%(entry_ids)s) AND payout_id IS NOT NULL
), dates AS (
    SELECT DISTINCT operator_id, currency, business_date FROM surface.payouts JOIN named USING (payout_id)
)
SELECT payout_id, batch_id, operator_id, currency, business_date, attempt, amount, reserve, status, status_at, reason,
       fired_at, reissue_of, cardinality(entry_ids) AS entries
FROM surface.payouts JOIN dates USING (operator_id, currency, business_date)
WHERE entry_ids && %(entry_ids)s
ORDER BY currency, business_date, attempt
"""
_CDRS = "SELECT document FROM surface.cdrs WHERE session_id = %s ORDER BY number, credit"

# The order of what happens at one moment.
RANKS = ("message", "decision", "entry", "cdr", "payout")


class Moment(NamedTuple):
    """Something on a timeline. `id` is that of an event, an entry, a CDR or a payout, by its `kind`.

    `what` is its type, kind or status; `event_id` the stored event behind it. `amount` is in minor units: what an
    entry moves, what a payout pays. `data` is what is worth telling besides.
    """

    at: datetime
    recorded_at: datetime | None
    kind: str
    id: str
    what: str
    event_id: str
    position: int
    currency: str | None = None
    amount: int | None = None
    data: Any = None
    entry: EntryRow | None = None

    @property
    def key(self) -> tuple[datetime, int, int, str]:
        """Its place on the timeline."""
        return self.at, RANKS.index(self.kind), self.position, self.id


@dataclass(frozen=True, slots=True)
class SeenSession:
    """A session with those lines of its entries that may be seen; in `story` there are no entries."""

    story: SessionStory
    entries: tuple[EntryRow, ...]


def seen_session(
    cursor: Cursor[TupleRow], session_id: str, known: int = EVERYTHING, *, derived: bool = True
) -> SeenSession | None:
    """Everything that was known of a session at a position; None when nothing was, or it may not be seen.

    Without `derived`, facts that tell of other sessions of one payment are left out: they may be somebody else's.
    """
    stream_id = session_stream(session_id)
    seen = seen_streams(cursor, [stream_id], known)[stream_id]
    if not seen:
        return None
    timeline = [decode(each.stored.topic, each.stored.state) for each in seen]
    outcomes = [event for event in timeline if isinstance(event, SessionAssessed)]
    entry_ids = entry_ids_of_stored([each.stored for each in seen], stream_id)
    cdrs = tuple(document for (document,) in cursor.execute(_CDRS, (session_id,)).fetchall())
    story = SessionStory(
        session_id,
        outcomes[-1] if outcomes else None,
        tuple([event for event in timeline if derived or not _is_derived(event)]),
        (),
        cdrs,
        tuple(payouts_of_entries(cursor, entry_ids)),
        energy_entries(cursor, session_id, seen=True),
    )
    entries = entries_by_id(cursor, entry_ids, known=known)
    entries.sort(key=lambda entry: (entry.effective_at, entry.kind, entry.entry_id))
    return SeenSession(story, tuple(entries))


def _is_derived(event: Any) -> bool:
    return isinstance(event, RecordedFact) and event.type in DERIVED_FACTS


def payouts_of_entries(cursor: Cursor[TupleRow], entry_ids: Sequence[UUID]) -> list[PayoutRow]:
    """The payouts that pay any of these entries, each attempt of them, by currency, date and attempt."""
    with cursor.connection.cursor(row_factory=class_row(PayoutRow)) as rows:
        return rows.execute(_PAYOUTS_OF_ENTRIES, {"entry_ids": list(entry_ids)}).fetchall()


def session_timeline(cursor: Cursor[TupleRow], session_id: str, known: int = EVERYTHING) -> list[Moment] | None:
    """What happened to a session and was known at a position, in the order of time; None for one that is not seen.

    What was adjusted, held or written off for it is told, too, to those who see all.
    At one moment messages come first, then what was decided, booked, sent and paid.
    """
    stream_id = session_stream(session_id)
    seen = seen_streams(cursor, [stream_id], known)[stream_id]
    if not seen:
        return None
    entry_ids = entry_ids_of_stored([each.stored for each in seen], stream_id)
    payouts = {payout_stream(row.payout_id): row for row in payouts_of_entries(cursor, entry_ids)}
    of_payouts = seen_streams(cursor, list(payouts), known)
    of_matters = seen_streams(cursor, matters_of_session(cursor, session_id), known)
    beside = {id_: events for id_, events in (of_payouts | of_matters).items() if events}
    for id_, events in beside.items():
        entry_ids += entry_ids_of_stored([each.stored for each in events], id_)
    entries = _by_cause(entries_by_id(cursor, entry_ids, known=known))
    streams = {stream_id: seen, **beside}
    recorded = known_at(cursor, [each.position for events in streams.values() for each in events])
    found = [
        moment
        for id_, events in streams.items()
        for moment in _Teller(history_of(id_, [each.stored for each in events]), events, recorded, entries).tell()
    ]
    return sorted(found, key=lambda moment: moment.key)


def _by_cause(rows: Sequence[EntryRow]) -> dict[str, list[EntryRow]]:
    found: dict[str, list[EntryRow]] = {}
    for row in rows:
        found.setdefault(str(row.cause), []).append(row)
    return found


@dataclass(frozen=True, slots=True)
class _Teller:
    """Tells the moments of one stream; `entries` by the id of the event that they were caused by."""

    history: History
    events: Sequence[SeenEvent]
    recorded: dict[int, datetime | None]
    entries: dict[str, list[EntryRow]]

    def tell(self) -> Iterator[Moment]:
        seen = {each.stored.version: each for each in self.events}
        for told in self.history.told:
            if told.fact.type not in DERIVED_FACTS:
                event = seen[told.version]
                data = {"source": told.fact.source, "id": told.id, "data": told.fact.data}
                yield self._moment(told.acts_at, "message", event, told.fact.type, event.id, data=data)
        at = min([told.acts_at for told in self.history.told], default=None)
        for decided in self.history.decided:
            at = self._time_of(decided, at)
            event = seen[decided.version]
            for entry in self.entries.get(event.id, ()):
                # Of an entry of which only credits are seen, those.
                debits = sum(amount for amount in entry.amounts if amount > 0)
                moved = debits or -sum(entry.amounts)
                yield Moment(
                    *(entry.effective_at, entry.recorded_at, "entry", str(entry.entry_id), entry.kind, event.id),
                    *(event.position, entry.currency, moved, None, entry),
                )
            if at is not None and not isinstance(decided.event, Booked | Retracted):
                yield self._decision(at, decided, event)

    def _decision(self, at: datetime, decided: Decided, event: SeenEvent) -> Moment:
        """A decision that books nothing: a CDR that went out, what became of a payout, or another."""
        made = decided.event
        if isinstance(made, CdrIssued | CdrCredited):
            what = "CDR" if isinstance(made, CdrIssued) else "CREDIT_CDR"
            return self._moment(at, "cdr", event, what, made.cdr_id)
        if isinstance(made, PayoutCreated):
            data = {"business_date": made.business_date.isoformat(), "attempt": made.attempt}
            found = self._moment(at, "payout", event, made.status.value, made.payout_id, data=data)
            return found._replace(currency=made.currency, amount=made.amount)
        if isinstance(made, PayoutStatusChanged):
            data = {"reason": made.reason}
            return self._moment(at, "payout", event, made.status.value, made.payout_id, data=data)
        if isinstance(made, SessionAssessed):
            data = {"state": made.state.value, "reason": made.reason}
            found = self._moment(at, "decision", event, decided.topic, event.id, data=data)
            return found._replace(currency=made.currency, amount=made.gross)
        if isinstance(made, FindingOpened | FindingEnded):
            said = {"sentence": made.finding.sentence}
            return self._moment(at, "decision", event, decided.topic, event.id, data=said)
        return self._moment(at, "decision", event, decided.topic, event.id)

    def _time_of(self, decided: Decided, before: datetime | None) -> datetime | None:
        """When a decision acts: its own time, else of the latest message behind it, else of the decision before."""
        event = decided.event
        if isinstance(event, Booked | Retracted):
            return event.booking.effective_at
        for name in ("issued_at", "credited_at", "fired_at", "closed_at", "released_at", "at"):
            if isinstance(own := getattr(event, name, None), datetime):
                return own
        return max([told.acts_at for told in self.history.causes_of(decided)], default=before)

    def _moment(self, at: datetime, kind: str, event: SeenEvent, what: str, id_: str, data: Any = None) -> Moment:
        return Moment(at, self.recorded[event.position], kind, id_, what, event.id, event.position, data=data)
