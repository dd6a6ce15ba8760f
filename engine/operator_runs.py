"""The runs of operators: what they find is read and locked for many at once, then decided, and written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.messages import stream_of
from domain.catalogue.parties import Operator
from domain.catalogue.versions import Versions
from domain.payout.conversions import RunConversion, convert_due
from domain.payout.cut_offs import fires_at
from domain.payout.desk import Cover, OperatorDesk, RunsMade, first_day
from domain.payout.events import PayoutDecision, payout_stream
from domain.payout.findings import (
    find_in_attempts,
)
from domain.payout.instant import PaidAtOnce
from domain.payout.lines import Line
from domain.payout.payout import Payout
from domain.payout.reopening import DaysClosedAhead, closed_ahead
from domain.payout.run import fire_runs
from domain.payout.steps import take_answers
from engine.advances import advances_of
from engine.attempts import attempts_of, earlier_than, load_missing
from engine.due_runs import NEVER
from engine.far_ahead import wall_clock
from engine.instant_payouts import (
    answer_requests,
    open_requests,
    paid_at_once,
    without_repeated,
)
from engine.office import Office
from engine.past_payouts import pasts_of
from engine.payout_streams import load_payouts, write_decisions
from engine.payouts import has_decisions
from engine.work import Unfolded, Work
from ledger.arrays import columns
from ledger.book.lines import payable_lines
from ledger.events.heads import lock_streams
from ledger.intake.treasury import last_rate

# Whoever fires the runs of operators holds these rows, so that no run can be made twice.
_LOCK_RUNS = """
INSERT INTO intake.run (operator_id, closed_through) SELECT unnest(%s::text[]), '0001-01-01'
ON CONFLICT (operator_id) DO UPDATE SET closed_through = run.closed_through
RETURNING operator_id, closed_through, EXISTS (
    SELECT FROM intake.instant_request AS asked WHERE asked.operator_id = run.operator_id AND NOT answered)
"""
# The same as it stands, also of operators that nobody has fired a run of.
_READ_RUNS = """
SELECT operator_id, coalesce(closed_through, '0001-01-01'), EXISTS (
    SELECT FROM intake.instant_request AS asked WHERE asked.operator_id = wanted.operator_id AND NOT answered)
FROM unnest(%s::text[]) AS wanted (operator_id) LEFT JOIN intake.run USING (operator_id)
"""
_CLOSE_RUNS = """
UPDATE intake.run SET closed_through = new.day, fired_at = new.fired_at, recorded_at = clock_timestamp()
FROM unnest(%s::text[], %s::date[], %s::timestamptz[]) AS new (operator_id, day, fired_at)
WHERE run.operator_id = new.operator_id AND run.closed_through <> new.day
"""
_OPEN_PAYOUTS = """
SELECT payout_id, operator_id FROM intake.open_payout
WHERE operator_id = ANY(%s) AND (reserve_held OR failed) ORDER BY payout_id
"""


@dataclass(frozen=True, slots=True)
class Desk:
    """What an operator's runs find: the last date closed, whether it asks to be paid at once, payouts, lines."""

    closed: date | None
    is_asked: bool
    opened: Mapping[str, Payout]
    lines: Sequence[Line]


def lock_desks(cursor: Cursor[TupleRow], operator_ids: Sequence[str]) -> dict[str, Desk]:
    """What the runs of operators find, read at once and locked, so that nobody else makes them meanwhile."""
    return _desks(cursor, operator_ids, locked=True)


def read_desks(cursor: Cursor[TupleRow], operator_ids: Sequence[str]) -> dict[str, Desk]:
    """What the runs of operators would find, as it stands: for dry runs alone, since others may make them too."""
    return _desks(cursor, operator_ids, locked=False)


def _desks(cursor: Cursor[TupleRow], operator_ids: Sequence[str], *, locked: bool) -> dict[str, Desk]:
    ids = sorted(operator_ids)
    rows = cursor.execute(_LOCK_RUNS if locked else _READ_RUNS, (ids,)).fetchall()
    runs = {each: (closed, asked) for each, closed, asked in rows}
    of: dict[str, str] = dict(cursor.execute(_OPEN_PAYOUTS, (ids,)).fetchall())
    opened: dict[str, dict[str, Payout]] = {operator_id: {} for operator_id in ids}
    for payout_id, payout in load_payouts(cursor, of, locked=locked).items():
        opened[of[payout_id]][payout_id] = payout
    lines = payable_lines(cursor, ids, locked=locked)
    return {
        operator_id: Desk(closed if closed != NEVER else None, asked, opened[operator_id], lines[operator_id])
        for operator_id, (closed, asked) in runs.items()
    }


@dataclass(slots=True)
class RunsDecided:
    """What the runs of an operator decided, not written yet.

    `found` is what they found; their payouts are as the decisions leave them. `repaired` is of those that an older
    engine left otherwise than their answers have it, `repeated` what is answered of requests without a run. `unread`
    are the payouts that were taken to be new without a look, `left_open` those that the clock has to look at.
    """

    operator_id: str
    versions: Versions[Operator]
    found: Desk
    made: RunsMade
    repaired: Sequence[tuple[Payout, list[PayoutDecision]]]
    repeated: Sequence[PaidAtOnce]
    unread: frozenset[str]
    left_open: Sequence[str]
    conversions: Sequence[RunConversion] = ()


def decide_runs(
    cursor: Cursor[TupleRow],
    desks: Mapping[str, Desk],
    until: datetime,
    office: Office,
    cover: Cover | None = None,
    *,
    is_dry: bool = False,
) -> dict[str, RunsDecided]:
    """Decide the runs of operators that are due by `until`, with `cover` only as far as it goes.

    `desks` are locked (`lock_desks`); those of dry runs are not (`read_desks`), and each of them tells what it left
    out. A payout that a run makes may have been answered, or made, before. It is taken to be new; then all of them
    are locked at once, and whose runs were wrong about one decide anew, by what is stored of those they asked for.
    """
    decided: dict[str, RunsDecided] = {}
    asked_for: dict[str, set[str]] = {operator_id: set() for operator_id in desks}
    read: dict[str, Payout] = {}
    again: Mapping[str, Desk] = desks
    while again:
        for prepared in _prepare(cursor, again, until, office, is_dry=is_dry):
            operator_id = prepared.desk.operator_id
            decided[operator_id] = _decide(prepared, again[operator_id], until, office, cover, read)
            asked_for[operator_id] |= decided[operator_id].unread
        unread = (key for each in again for key in decided[each].unread)
        known = load_payouts(cursor, unread, locked=not is_dry)
        wrong = [each for each in again if any(known[key].version for key in decided[each].unread)]
        # What was decided has changed what was read: it is read again.
        asked = (key for each in wrong for key in asked_for[each])
        read = load_payouts(cursor, asked, locked=not is_dry) if wrong else {}
        again = _desks(cursor, wrong, locked=not is_dry) if wrong else {}
    return decided


@dataclass(slots=True)
class _Prepared:
    """An operator's desk with all that its runs ask for; `repaired` and `repeated` as in `RunsDecided`."""

    desk: OperatorDesk
    versions: Versions[Operator]
    repaired: Sequence[tuple[Payout, list[PayoutDecision]]]
    repeated: Sequence[PaidAtOnce] = ()
    conversions: Sequence[RunConversion] = ()


def _prepare(
    cursor: Cursor[TupleRow], desks: Mapping[str, Desk], until: datetime, office: Office, *, is_dry: bool
) -> list[_Prepared]:
    """Bring together what the runs of operators ask for."""
    made = []
    for operator_id, found in desks.items():
        versions, opened = office.catalogue.operators[operator_id], found.opened
        # Those that an older engine left otherwise than their answers have it.
        repaired = [(payout, changed) for payout in opened.values() if (changed := take_answers(payout))]
        desk = OperatorDesk(
            operator_id,
            found.closed,
            list(found.lines),
            held=[payout for payout in opened.values() if payout.holds_reserve],
            failed=_to_be_paid_again(cursor, opened, locked=not is_dry),
            explains=is_dry,
        )
        prepared = _Prepared(desk, versions, repaired)
        if any(version.value.runs.convert_to for _, version in versions.timeline):
            around = office.around(operator_id)
            prepared.conversions = convert_due(desk, versions, until, around, partial(last_rate, cursor))
        if found.is_asked:
            asked = open_requests(cursor, operator_id, until)
            desk.requests, prepared.repeated = without_repeated(cursor, operator_id, until, asked)
            desk.of_days = paid_at_once(cursor, operator_id, found.closed) if desk.requests else {}
        made.append(prepared)
    pasts = pasts_of(cursor, {each.desk.operator_id: (each.versions, first_day(each.desk)) for each in made})
    since = {each.desk.operator_id: _ahead_since(each) for each in made}
    advances = advances_of(cursor, {operator_id: moment for operator_id, moment in since.items() if moment})
    for each in made:
        each.desk.past = pasts[each.desk.operator_id]
        each.desk.advances = advances.get(each.desk.operator_id, each.desk.advances)
    return made


def _decide(
    prepared: _Prepared,
    found: Desk,
    until: datetime,
    office: Office,
    cover: Cover | None,
    read: Mapping[str, Payout],
) -> RunsDecided:
    """Decide the runs of one operator; a payout that is not `read` is taken to be new."""
    unread: set[str] = set()

    def known(payout_id: str) -> Payout:
        if payout_id in read:
            return read[payout_id]
        unread.add(payout_id)
        return Payout(payout_id)

    desk, versions = prepared.desk, prepared.versions
    made = fire_runs(desk, versions, until, known, cover, office.around(desk.operator_id))
    made_now = (payout for payout, _ in made.decisions)
    left_open = [each.payout_id for each in made_now if has_decisions(each) and office.leaves_open(each)]
    repaired, repeated = prepared.repaired, prepared.repeated
    unread_ids, conversions = frozenset(unread), prepared.conversions
    return RunsDecided(
        desk.operator_id, versions, found, made, repaired, repeated, unread_ids, left_open, conversions
    )


def write_runs(cursor: Cursor[TupleRow], work: Work, decided: RunsDecided) -> None:
    """Have what an operator's runs decided written with the rest of the work."""
    made, versions, operator_id = decided.made, decided.versions, decided.operator_id
    in_attempts = _found_in_attempts(cursor, decided.found.opened, made)
    for payout, decisions in (*decided.repaired, *made.decisions, *in_attempts):
        write_decisions(work.stream(payout_stream(payout.payout_id), payout), payout, decisions, versions)
    work.to_look_at += decided.left_open
    paid = made.paid_lines.items()
    work.paid += [(entry, operator_id, payout_id) for payout_id, entries in paid for entry in entries]
    answer_requests(cursor, work, operator_id, (*decided.repeated, *made.at_once))
    if made.closed_through is not None and made.closed_through != decided.found.closed:
        ahead = closed_ahead(operator_id, versions, made.closed_through, wall_clock())
        if ahead is not None:
            _tell_closed_ahead(cursor, work, ahead)


def _tell_closed_ahead(cursor: Cursor[TupleRow], work: Work, ahead: DaysClosedAhead) -> None:
    """Keep in the operator's stream that its days are closed so far, and tell people."""
    stream_id = stream_of("operator.changed", {"operator_id": ahead.operator_id})
    versions = lock_streams(cursor, [stream_id])
    stream = work.stream(stream_id, work.streams.get(stream_id) or Unfolded(versions[stream_id]))
    stream.append(ahead)
    stream.send("settlement.notifications", ahead.operator_id)


def close_runs(cursor: Cursor[TupleRow], made: Mapping[str, RunsMade]) -> None:
    """Keep which business dates are closed, by operator, once all that their runs made is written.

    `lock_desks` has taken the locks.
    """
    closed = [(each, runs.closed_through, runs.fired_at) for each, runs in made.items() if runs.closed_through]
    if closed:
        cursor.execute(_CLOSE_RUNS, columns(closed))


def _ahead_since(prepared: _Prepared) -> datetime | None:
    """From when on runs not fired yet may pay sessions ahead; None where nothing is limited, or there is nothing."""
    desk, versions = prepared.desk, prepared.versions
    if not desk.lines or all(version.value.advance_limit_minor is None for _, version in versions.timeline):
        return None
    fired = fires_at(versions, desk.closed_through) if desk.closed_through is not None else None
    since = min(line.released_at for line in desk.lines)
    return max(since, fired[0]) if fired else since


def _found_in_attempts(
    cursor: Cursor[TupleRow], opened: Mapping[str, Payout], made: RunsMade
) -> list[tuple[Payout, list[PayoutDecision]]]:
    """What is to be found among the attempts of payouts that runs paid again."""
    again = [payout for payout, _ in made.decisions if payout.created and payout.created.tries > 1]
    known = dict(opened) | {payout.payout_id: payout for payout, _ in made.decisions}
    wanted = {payout.payout_id: payout for payout in again}
    load_missing(cursor, known, (key for payout in again for key in earlier_than(payout)))
    wanted |= {key: known[key] for payout in again for key in earlier_than(payout)}
    return [each for attempts in attempts_of(cursor, wanted) for each in find_in_attempts(attempts)]


def _to_be_paid_again(cursor: Cursor[TupleRow], opened: Mapping[str, Payout], *, locked: bool) -> list[Payout]:
    """The payouts that came to nothing, without those of which an earlier attempt turned out to be paid."""
    failed = [payout for payout in opened.values() if payout.failed]
    known = dict(opened)
    load_missing(cursor, known, (key for payout in failed for key in earlier_than(payout)), locked=locked)
    return [payout for payout in failed if not any(known[key].is_out for key in earlier_than(payout))]
