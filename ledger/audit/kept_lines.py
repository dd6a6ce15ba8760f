"""Payable lines as streams make them: of which stream and share each is, what it takes back, and when it may be paid.

What a payout pays is decided by the release of its line, and not by the entry: so each is compared with what the
stream of its share released last. A line that was paid keeps what was released when it was.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from ledger.audit.amounts import instant
from ledger.audit.catalogue import Timeline
from ledger.audit.delays import Delays, business_date, dates
from ledger.audit.posting_table import is_known, journals_of
from ledger.audit.report import Tally
from ledger.audit.snapshot import Snapshot
from ledger.audit.streams import PAYOUT, SESSION, Body, Stream

# Each line with the release of the one it takes back, where a payout paid that.
_LINES = """
SELECT line.stream_id, line.entry_id, line.share, line.reserve_release, line.takes_back, line.released_at,
       line.available_on, line.payout_id, line.free_from, paid.payout_id IS NOT NULL, paid.released_at,
       paid.available_on, line.operator_id
FROM intake.line AS line
LEFT JOIN intake.line AS paid ON paid.entry_id = line.takes_back AND paid.operator_id = line.operator_id
ORDER BY line.stream_id
"""
# When payouts were rejected last that were to pay an entry.
_FREED = """
SELECT DISTINCT ON (entry_id, whose) entry_id::uuid,
       convert_from(made.state, 'UTF8')::jsonb ->> 'operator_id' AS whose, (changed.body ->> 'at')::timestamptz
FROM (
    SELECT originator_id, originator_version, convert_from(state, 'UTF8')::jsonb AS body, notification_id
    FROM event_store.stored_events WHERE topic = 'PayoutStatusChanged'
) AS changed
JOIN event_store.stored_events AS made USING (originator_id)
CROSS JOIN jsonb_array_elements_text(convert_from(made.state, 'UTF8')::jsonb -> 'entry_ids') AS entry_id
WHERE changed.body ->> 'status' = 'REJECTED' AND made.topic = 'PayoutCreated'
  AND convert_from(made.state, 'UTF8')::jsonb ->> 'reissue_of' IS NULL
ORDER BY entry_id, whose, changed.notification_id DESC
"""
_OF_RESERVES = frozenset(("ReserveReleased", "HoldPlaced", "HoldReleased"))
_ONE_DAY = timedelta(days=1)

# From when on a line may be paid, and the business date of the first run that may.
_Release = tuple[datetime | None, date | None]
_NEVER: _Release = (None, None)


class _Line(NamedTuple):
    """A line as it is kept; `paid` is the release of the line it takes back, if a payout paid that (`was_paid`)."""

    stream_id: UUID
    entry_id: UUID
    share: str
    reserve_release: bool
    takes_back: UUID | None
    released_at: datetime | None
    available_on: date | None
    payout_id: str | None
    free_from: datetime | None
    was_paid: bool
    paid_released_at: datetime | None
    paid_available_on: date | None
    operator_id: str

    @property
    def where(self) -> str:
        return f"line of entry {self.entry_id}"


class _Made(NamedTuple):
    """What makes a line: the type of its booking, its share, when it acts, and which entry it takes back."""

    type: str
    share: str
    at: str
    takes_back: UUID | None


class KeptLines:
    """Walks the lines beside the streams, which come in the same order."""

    def __init__(self, snapshot: Snapshot, delays: Mapping[str, Timeline[Delays]], tally: Tally) -> None:
        self._tally, self._delays = tally, delays
        freed = snapshot.rows(_FREED)
        self._freed: dict[tuple[UUID, str], datetime] = {(entry, whose): at for entry, whose, at in freed}
        rows = map(_Line._make, snapshot.rows(_LINES))
        self._groups: Iterator[tuple[UUID, list[_Line]]] = (
            (stream_id, list(lines)) for stream_id, lines in groupby(rows, key=itemgetter(0))
        )
        self._next = next(self._groups, None)

    def check(self, stream: Stream) -> None:
        """Compare the lines of a stream; those of streams before it that were not read belong to none."""
        while self._next is not None and self._next[0] < stream.stream_id:
            self._strays(self._next[1])
            self._next = next(self._groups, None)
        if self._next is not None and self._next[0] == stream.stream_id:
            _, lines = self._next
            self._next = next(self._groups, None)
            made = {(entry_id, whose): each for entry_id, whose, each in _made(stream)}
            released: dict[str, list[_Release]] = {}
            for body in stream.decided("ShareReleased"):
                released.setdefault(body["share"], []).append(_release(body))
            for line in lines:
                self._compare(stream, line, made.get((line.entry_id, line.operator_id)), released)

    def finish(self) -> None:
        """What is left is of no stream."""
        while self._next is not None:
            self._strays(self._next[1])
            self._next = next(self._groups, None)

    def _strays(self, lines: list[_Line]) -> None:
        for line in lines:
            sentence = f"{line.where} is of stream {line.stream_id}, which books nothing"
            self._tally.note(line.where, "its stream", line.stream_id, sentence)

    def _compare(
        self, stream: Stream, line: _Line, made: _Made | None, released: Mapping[str, list[_Release]]
    ) -> None:
        tally, where = self._tally, line.where
        if made is None:
            sentence = f"{where} is of stream {line.stream_id}, which has no booking of it"
            tally.note(where, "its stream", line.stream_id, sentence)
            return
        tally.compare(where, made.share, line.share, "the share")
        tally.compare(where, made.type in _OF_RESERVES, line.reserve_release, "whether it gives a reserve back")
        tally.compare(where, made.takes_back, line.takes_back, "the entry that it takes back")
        freed = self._freed.get((line.entry_id, line.operator_id))
        tally.compare(where, freed, line.free_from, "the moment from which it is free again")
        allowed = list(self._allowed(stream, line, made, released))
        found = (line.released_at, line.available_on)
        if found not in allowed:
            says = _words(found)
            sentence = f"{where} is {says}, and its share {made.share or 'has none'} is {_words(allowed[0])}"
            tally.note(where, _words(allowed[0]), says, sentence)

    def _allowed(
        self, stream: Stream, line: _Line, made: _Made, released: Mapping[str, list[_Release]]
    ) -> Iterator[_Release]:
        if stream.kind == SESSION:
            known = released.get(made.share, [])
            yield known[-1] if known else _NEVER
            if line.payout_id is not None or line.free_from is not None:
                yield from known
        elif stream.kind == PAYOUT:
            yield self._of_payout(stream, line, made)
        elif made.type == "HomeChargingEarned":
            yield from self._delayed(line, instant(made.at))
        else:
            yield self._at_once(line, instant(made.at))
        if line.was_paid and line.takes_back is not None:
            yield line.paid_released_at, line.paid_available_on

    def _at_once(self, line: _Line, at: datetime) -> _Release:
        """The run of the business date in which it acts takes it."""
        if line.operator_id not in self._delays:
            return _NEVER
        known = self._delays[line.operator_id]
        # What acts before the operator was known goes by its first terms.
        return at, business_date(known.at(at) or known.first(), at)

    def _delayed(self, line: _Line, at: datetime) -> Iterator[_Release]:
        """What a partner owes waits as the terms at its time say; of days that only a calendar knows any may be."""
        if line.operator_id not in self._delays:
            yield _NEVER
            return
        known = self._delays[line.operator_id]
        day, last = dates(known.at(at) or known.first(), at, "ROAMING")
        while day <= last:
            yield at, day
            day += _ONE_DAY

    def _of_payout(self, stream: Stream, line: _Line, made: _Made) -> _Release:
        """What a payout books of itself is paid with it, but for what it gives back, and what was paid twice."""
        created, at = stream.decided("PayoutCreated")[0], instant(made.at)
        day = date.fromisoformat(created["business_date"])
        if made.share == "retained-release":
            return at, day if created.get("requested") else day + _ONE_DAY
        if made.type == "ReserveReleased":
            let_go = stream.decided("PayoutHandedOff")
            fired = instant(let_go[-1]["at"] if let_go and created["status"] != "IN_TRANSIT" else created["fired_at"])
            terms = self._delays[line.operator_id].at(fired) if line.operator_id in self._delays else None
            return at, day + (terms.reserve_days if terms else 0) * _ONE_DAY
        if made.type == "PaidTwice":
            at_once = self._at_once(line, at)
            return at_once if at_once != _NEVER else (at, day)
        return _NEVER


def _made(stream: Stream) -> Iterator[tuple[UUID, str, _Made]]:
    """The entries of a stream that may have lines, and of whom, each with what makes its line."""
    for _, topic, body in stream.decisions:
        wrapper, _, type_ = topic.partition(".")
        booking: Body = body.get("booking") or {}
        if wrapper not in ("Booked", "Retracted") or not booking.get("share") or not is_known(type_):
            continue
        for place, _, _ in journals_of(type_, booking, 1):
            name = f"{booking['key']}#{body['revision']}#{place}"
            entry_id: UUID = uuid5(stream.stream_id, name)
            own_id, takes_back = entry_id, None
            if wrapper == "Retracted":
                own_id, takes_back = uuid5(stream.stream_id, f"{name}-"), entry_id
            others = ((payee, share) for payee, _, _, share in booking.get("parts") or ())
            for whose, share in ((booking["operator_id"], booking["share"]), *others):
                yield own_id, whose, _Made(type_, share, booking["effective_at"], takes_back)


def _release(body: Mapping[str, Any]) -> _Release:
    if body["released_at"] is None:
        return _NEVER
    return instant(body["released_at"]), date.fromisoformat(body["available_on"])


def _words(release: _Release) -> str:
    return f"released at {release[0]} for {release[1]}" if release[0] else "not released"
