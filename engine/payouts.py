"""Payouts as stored: what is said of them is taken in, and the runs of operators are fired and written."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.messages import stream_of
from domain.book.bookings import Booking, PaidTwice, ReserveReleased
from domain.book.findings import FindingEnded, FindingOpened
from domain.book.release import Release
from domain.book.standing import Booked, Retracted
from domain.calendar import END, ONE_DAY
from domain.catalogue.catalogue import Catalogue
from domain.catalogue.parties import Operator
from domain.catalogue.versions import Versions
from domain.fact import RecordedFact
from domain.payout.advances import Advances
from domain.payout.answers import parse_payout_fact
from domain.payout.findings import (
    find_in_attempts,
    find_in_facts,
    find_unanswered,
    is_looked_for,
    unanswered_at,
)
from domain.payout.payout import (
    Payout,
    PayoutCreated,
    PayoutDecision,
    PayoutKey,
    PayoutStatus,
    PayoutStatusChanged,
    count_twice,
    payout_stream,
    take_answers,
)
from domain.payout.reopening import DaysClosedAhead, closed_ahead
from domain.payout.run import (
    Cover,
    Line,
    OperatorDesk,
    RunsMade,
    fire_runs,
    fires_at,
    last_closed,
    owed_at_once,
    reserve_release,
)
from engine.advances import advances_of
from engine.far_ahead import wall_clock
from engine.work import Stream, Unfolded, Work
from ledger.book.lines import payable_lines
from ledger.events.codec import decode
from ledger.events.heads import lock_streams
from ledger.events.store import read_streams

# Whoever fires the runs of an operator holds this row, so that no run can be made twice.
_LOCK_RUN = """
INSERT INTO intake.run (operator_id, closed_through) VALUES (%s, '0001-01-01')
ON CONFLICT (operator_id) DO UPDATE SET closed_through = run.closed_through
RETURNING closed_through
"""
_CLOSED_RUNS = "SELECT operator_id, closed_through FROM intake.run"
# A date that people opened again has no run that fired.
_CLOSED_AND_FIRED = "SELECT operator_id, closed_through, fired_at IS NOT NULL FROM intake.run"
_CLOSE_RUN = """
UPDATE intake.run SET closed_through = %(day)s, fired_at = %(at)s, recorded_at = clock_timestamp()
WHERE operator_id = %(operator_id)s AND closed_through <> %(day)s
"""
_FIRST_DAYS = """
SELECT operator_id, min(available_on) FROM intake.line
WHERE operator_id = ANY(%s) AND payout_id IS NULL AND released_at IS NOT NULL GROUP BY operator_id
"""
_OPEN_PAYOUTS = """
SELECT payout_id FROM intake.open_payout WHERE operator_id = %s AND (reserve_held OR failed) ORDER BY payout_id
"""
_KEEP_OPEN = """
INSERT INTO intake.open_payout AS known (payout_id, operator_id, reserve_held, failed, currency, amount, sent_at,
                                         left_at, weighed, due_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (payout_id) DO UPDATE SET reserve_held = excluded.reserve_held, failed = excluded.failed,
    currency = excluded.currency, amount = excluded.amount, sent_at = excluded.sent_at, left_at = excluded.left_at,
    due_at = excluded.due_at,
    weighed = CASE WHEN known.sent_at IS NULL THEN excluded.weighed ELSE known.weighed END
"""
# Payouts whose answer is due by a moment.
_DUE_PAYOUTS = "SELECT payout_id FROM intake.open_payout WHERE due_at <= %s ORDER BY due_at, payout_id LIMIT %s"
_LOOK_AGAIN = """
UPDATE intake.open_payout AS known SET due_at = new.due_at FROM unnest(%s::text[], %s::timestamptz[])
    AS new (payout_id, due_at) WHERE known.payout_id = new.payout_id
"""
_NEVER = date(1, 1, 1)


@dataclass(frozen=True, slots=True)
class DueRuns:
    """Operators with runs that are due and were not fired: the last business date due, and the last that was closed.

    `closed` leaves out who never had one, and those whose dates people opened again and no run has closed since.
    """

    last: Mapping[str, date]
    closed: Mapping[str, date]

    @property
    def operator_ids(self) -> list[str]:
        """The operators, by id."""
        return sorted(self.last)


def due_runs(cursor: Cursor[TupleRow], catalogue: Catalogue, until: datetime) -> DueRuns:
    """The runs that are due by `until` and were not fired yet."""
    closed: dict[str, date] = {}
    fired = set()
    for operator_id, day, is_fired in cursor.execute(_CLOSED_AND_FIRED):
        closed[operator_id] = day
        if is_fired:
            fired.add(operator_id)
    due = {}
    for operator_id, versions in catalogue.operators.items():
        last = last_closed(versions, until)
        if last is not None and (operator_id not in closed or closed[operator_id] < last):
            due[operator_id] = last
    return DueRuns(due, {key: closed[key] for key in due.keys() & fired})


def load_payouts(cursor: Cursor[TupleRow], payout_ids: Iterable[str]) -> dict[str, Payout]:
    """Lock the streams of payouts and fold them; one that was only answered has no `created` yet."""
    ids = sorted(set(payout_ids))
    streams = {payout_stream(payout_id): payout_id for payout_id in ids}
    versions = lock_streams(cursor, streams)
    stored = read_streams(cursor, [stream_id for stream_id, version in versions.items() if version])
    payouts = {payout_id: Payout(payout_id) for payout_id in ids}
    for stream_id, events in stored.items():
        payout = payouts[streams[stream_id]]
        for each in events:
            event = decode(each.topic, each.state)
            if isinstance(event, RecordedFact):
                payout.learn(parse_payout_fact(event.type, event.data, event.source, event.id))
            else:
                payout.evolve(event)
            payout.version = each.version
    return payouts


def take_payout_facts(
    cursor: Cursor[TupleRow], work: Work, facts: Mapping[str, Sequence[RecordedFact]], catalogue: Catalogue
) -> None:
    """Store facts in their payouts' streams and book what they mean; those of a payout not yet made wait there."""
    if not facts:
        return
    payouts = load_payouts(cursor, facts)
    decided: list[tuple[Payout, list[PayoutDecision]]] = []
    for payout_id, payout in payouts.items():
        stream = work.stream(payout_stream(payout_id), payout)
        for fact in facts[payout_id]:
            stream.append(fact)
            payout.learn(parse_payout_fact(fact.type, fact.data, fact.source, fact.id))
        decided.append((payout, take_answers(payout)))
    for attempts in _attempts(cursor, payouts):
        decided += count_twice(attempts) + find_in_attempts(attempts)
    for payout, decisions in decided:
        versions = catalogue.operators.get(payout.created.operator_id) if payout.created else None
        _write_decisions(cursor, work.stream(payout_stream(payout.payout_id), payout), payout, decisions, versions)


def _attempts(cursor: Cursor[TupleRow], payouts: dict[str, Payout]) -> list[list[Payout]]:
    """All attempts of those payouts of which there are several, the first one first; what is not there is loaded.

    Two transactions that come to the attempts of one payout from both ends are told apart by the database, and one of
    them tries again.
    """
    _load_missing(cursor, payouts, (key for payout in payouts.values() for key in _earlier(payout)))
    while _load_missing(cursor, payouts, (each.superseded_by for each in payouts.values() if each.superseded_by)):
        pass
    ends = [each for each in payouts.values() if each.created and each.created.attempt > 1 and not each.superseded_by]
    return [[*(payouts[key] for key in _earlier(last)), last] for last in ends]


def _load_missing(cursor: Cursor[TupleRow], payouts: dict[str, Payout], wanted: Iterable[str]) -> bool:
    """Load payouts that are not there yet; whether there were any."""
    missing = set(wanted) - payouts.keys()
    if missing:
        payouts |= load_payouts(cursor, missing)
    return bool(missing)


def _earlier(payout: Payout) -> list[str]:
    """The ids of the attempts before a payout, the first one first."""
    made = payout.created
    if made is None:
        return []
    keys = (PayoutKey(made.operator_id, made.currency, made.business_date, n) for n in range(1, made.attempt))
    return [key.payout_id for key in keys]


def fire_operator_runs(
    cursor: Cursor[TupleRow],
    work: Work,
    operator_id: str,
    versions: Versions[Operator],
    until: datetime,
    cover: Cover | None = None,
) -> RunsMade:
    """Fire the runs of an operator that are due by `until`, with `cover` only as far as it goes; what they made."""
    row = cursor.execute(_LOCK_RUN, (operator_id,)).fetchone()
    closed = row[0] if row and row[0] != _NEVER else None
    open_ids = [found[0] for found in cursor.execute(_OPEN_PAYOUTS, (operator_id,)).fetchall()]
    opened = load_payouts(cursor, open_ids)
    # Those that an older engine left otherwise than their answers have it.
    for payout in opened.values():
        if changed := take_answers(payout):
            _write_decisions(cursor, work.stream(payout_stream(payout.payout_id), payout), payout, changed, versions)
    lines = payable_lines(cursor, operator_id)
    desk = OperatorDesk(
        operator_id,
        closed,
        lines,
        held=[payout for payout in opened.values() if payout.holds_reserve],
        failed=_to_be_paid_again(cursor, opened),
        advances=_limited_advances(cursor, operator_id, versions, lines, closed),
    )

    def known(payout_id: str) -> Payout:
        return load_payouts(cursor, [payout_id])[payout_id]

    made = fire_runs(desk, versions, until, known, cover)
    for payout, decisions in (*made.decisions, *_found_in_attempts(cursor, opened, made)):
        _write_decisions(cursor, work.stream(payout_stream(payout.payout_id), payout), payout, decisions, versions)
    work.paid += [(entry, payout_id) for payout_id, entries in made.paid_lines.items() for entry in entries]
    if made.closed_through is not None and made.closed_through != closed:
        ahead = closed_ahead(operator_id, versions, made.closed_through, wall_clock())
        if ahead is not None:
            _tell_closed_ahead(cursor, work, ahead)
    return made


def _tell_closed_ahead(cursor: Cursor[TupleRow], work: Work, ahead: DaysClosedAhead) -> None:
    """Keep in the operator's stream that its days are closed so far, and tell people."""
    stream_id = stream_of("operator.changed", {"operator_id": ahead.operator_id})
    versions = lock_streams(cursor, [stream_id])
    stream = work.stream(stream_id, work.streams.get(stream_id) or Unfolded(versions[stream_id]))
    stream.append(ahead)
    stream.send("settlement.notifications", ahead.operator_id)


def close_runs(cursor: Cursor[TupleRow], operator_id: str, made: RunsMade) -> None:
    """Keep which business dates are closed, once all that runs made is written; `fire_operator_runs` has the lock."""
    if made.closed_through is not None:
        cursor.execute(_CLOSE_RUN, {"day": made.closed_through, "at": made.fired_at, "operator_id": operator_id})


def run_moments(
    cursor: Cursor[TupleRow], catalogue: Catalogue, operator_ids: Sequence[str], until: datetime
) -> list[tuple[datetime, list[str]]]:
    """When runs fire that were not yet, in the order of their moments, each with its operators by id."""
    closed: dict[str, date] = dict(cursor.execute(_CLOSED_RUNS).fetchall())
    first: dict[str, date] = dict(cursor.execute(_FIRST_DAYS, (list(operator_ids),)).fetchall())
    moments: dict[datetime, list[str]] = defaultdict(list)
    for operator_id in operator_ids:
        versions = catalogue.operators[operator_id]
        last, day = last_closed(versions, until), first.get(operator_id)
        if operator_id in closed and closed[operator_id] != _NEVER:
            day = closed[operator_id] + ONE_DAY
        while day is not None and last is not None and day <= last:
            fired = fires_at(versions, day)
            if fired is not None:
                moments[fired[0]].append(operator_id)
            day += ONE_DAY
    return [(moment, sorted(found)) for moment, found in sorted(moments.items())]


def _limited_advances(
    cursor: Cursor[TupleRow],
    operator_id: str,
    versions: Versions[Operator],
    lines: Sequence[Line],
    closed: date | None,
) -> Advances:
    """The sessions that may be paid ahead by runs not fired yet; nothing is read where nothing is limited."""
    if not lines or all(version.value.advance_limit_minor is None for _, version in versions.timeline):
        return Advances()
    fired = fires_at(versions, closed) if closed is not None else None
    since = min(line.released_at for line in lines)
    return advances_of(cursor, operator_id, max(since, fired[0]) if fired else since)


def _found_in_attempts(
    cursor: Cursor[TupleRow], opened: Mapping[str, Payout], made: RunsMade
) -> list[tuple[Payout, list[PayoutDecision]]]:
    """What is to be found among the attempts of payouts that runs paid again."""
    again = [payout for payout, _ in made.decisions if payout.created and payout.created.attempt > 1]
    known = dict(opened) | {payout.payout_id: payout for payout, _ in made.decisions}
    wanted = {payout.payout_id: payout for payout in again}
    _load_missing(cursor, known, (key for payout in again for key in _earlier(payout)))
    wanted |= {key: known[key] for payout in again for key in _earlier(payout)}
    return [each for attempts in _attempts(cursor, wanted) for each in find_in_attempts(attempts)]


def _to_be_paid_again(cursor: Cursor[TupleRow], opened: Mapping[str, Payout]) -> list[Payout]:
    """The payouts that came to nothing, without those of which an earlier attempt turned out to be paid."""
    failed = [payout for payout in opened.values() if payout.failed]
    known = dict(opened)
    _load_missing(cursor, known, (key for payout in failed for key in _earlier(payout)))
    return [payout for payout in failed if not any(known[key].is_out for key in _earlier(payout))]


def _write_decisions(
    cursor: Cursor[TupleRow],
    stream: Stream,
    payout: Payout,
    decisions: Sequence[PayoutDecision],
    versions: Versions[Operator] | None,
) -> None:
    created = payout.created
    for decision in (*decisions, *find_in_facts(payout)):
        stream.append(decision)
        if isinstance(decision, Booked | Retracted):
            release = _release(decision.booking, created, versions)
            stream.book(decision, release, payout_id=None if release else payout.payout_id)
        elif isinstance(decision, PayoutCreated) and decision.status != PayoutStatus.AWAITING_APPROVAL:
            stream.send("settlement.batches", decision.operator_id)
        elif isinstance(decision, PayoutStatusChanged):
            stream.send("settlement.notifications", decision.operator_id)
        elif isinstance(decision, FindingOpened | FindingEnded):
            stream.tell(decision)
    if created is not None and decisions:
        _keep_open(cursor, payout, created, versions)


def _keep_open(
    cursor: Cursor[TupleRow], payout: Payout, created: PayoutCreated, versions: Versions[Operator] | None
) -> None:
    """Keep what later runs look at, since when and until when the payout is on its way, and when it is unanswered."""
    sent_at, left_at = payout.on_its_way()
    transit = (created.currency, created.amount, sent_at, (left_at or END) if sent_at else None, sent_at is None)
    head = (payout.payout_id, created.operator_id, payout.holds_reserve, payout.failed)
    due_at = _answer_due(created, versions) if is_looked_for(payout) else None
    cursor.execute(_KEEP_OPEN, (*head, *transit, due_at))


def _answer_due(created: PayoutCreated, versions: Versions[Operator] | None) -> datetime:
    return unanswered_at(created, versions.at(created.fired_at) if versions else None)


def look_for_answers(
    cursor: Cursor[TupleRow], work: Work, catalogue: Catalogue, until: datetime, at_most: int
) -> int:
    """Find of payouts whose answer is due by a moment that nobody has answered them; how many were looked at."""
    due = [found[0] for found in cursor.execute(_DUE_PAYOUTS, (until, at_most)).fetchall()]
    next_due: list[datetime | None] = []
    for payout_id, payout in load_payouts(cursor, due).items():
        versions = catalogue.operators.get(payout.created.operator_id) if payout.created else None
        answer_due = _answer_due(payout.created, versions) if payout.created and is_looked_for(payout) else None
        # Of payouts that an older engine made nobody worked that out before.
        is_due = answer_due is None or answer_due <= until
        changes = find_unanswered(payout, answer_due) if answer_due and is_due else find_in_facts(payout)
        if changes:
            stream = work.stream(payout_stream(payout_id), payout)
            for change in changes:
                stream.append(change)
                stream.tell(change)
        next_due.append(None if is_due else answer_due)
    if due:
        cursor.execute(_LOOK_AGAIN, (sorted(due), next_due))
    return len(due)


def _release(booking: Booking, created: PayoutCreated | None, versions: Versions[Operator] | None) -> Release | None:
    """When a payable line of a payout's own is released, and the business date from which a run takes it.

    A reserve that is given back (J32) is payable on the day its run comes round, what was paid twice (J40x) is owed
    at once; what a run booked is paid with it.
    """
    if created is None or versions is None:
        return None
    if isinstance(booking, ReserveReleased):
        return reserve_release(created, versions, booking.effective_at)
    if isinstance(booking, PaidTwice):
        return owed_at_once(created, versions, booking.effective_at)
    return None
