"""What the clock drives: CDRs are issued, shares mature, reserves come back and payout runs fire, up to a moment."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TypeAlias

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.findings import Finding
from domain.catalogue.catalogue import Catalogue
from domain.catalogue.switches import Interval
from domain.far_ahead import AHEAD_MAX
from domain.payout.cover import CoverRule
from domain.payout.desk import Waiting
from domain.payout.run_findings import CLOCK, clock_stood_still, missed_runs
from domain.session.decisions import CdrCredited, CdrIssued
from domain.session.session import Judgement, Session
from engine.agenda import Agenda
from engine.bank import take_bank
from engine.closing import decide_next
from engine.cover import has_work as has_cover_work
from engine.cover import look_again, look_again_at, money_left, weigh
from engine.due_runs import DueRuns, run_moments
from engine.errors import RunsFailed
from engine.far_ahead import wall_clock
from engine.finding_streams import finding_streams, read_findings
from engine.follow_up import FollowUp, look_for_places_again
from engine.hand_offs import HandOffs, look_at_votes
from engine.judging import judge_and_refuse
from engine.matters import advance_matters
from engine.office import Office
from engine.operator_findings import (
    find_aged_balances,
    find_broken_runs,
    operators_held_up,
)
from engine.payouts import look_for_answers
from engine.receipts import look_at_receipts
from engine.run_sets import Fired, RunSets
from engine.session_sets import SESSIONS_PER_SET, Query, SessionSets
from engine.work import Work
from engine.working_set import WorkingSet
from ledger.events.heads import (
    count_due_sessions,
    due_among,
    due_sessions,
    presuming_sessions,
    stale_among,
    stale_sessions,
)
from ledger.intake.affairs import due_moments, next_due
from ledger.intake.event_time import horizon
from ledger.intake.parking import add_references
from ledger.locks import Lock, hold

OnProgress: TypeAlias = Callable[[str, int], None]

RECEIPTS_PER_SET = 20
PAYOUTS_PER_SET = 200
MATTERS_PER_SET = 500
OPERATORS_PER_SET = 200
PAYOUTS_PER_COVER_SET = 1_000


class Clock:
    """Moves the store to a moment, set by set; each set is one transaction and can be interrupted anywhere."""

    def __init__(self, source: str | WorkingSet) -> None:
        """`source` is the DSN of the database, or what this process holds of it already."""
        self._working_set = WorkingSet.of(source)
        self._gateway, self._known = self._working_set.gateway, self._working_set.known
        self._sessions = self._working_set.sessions
        self._follow_up = FollowUp(self._working_set)
        self._sets = SessionSets(self._working_set)
        self._office = Office(self._working_set)
        self._agenda = Agenda()
        # Whether it is open that the clock stood still; None while nobody has looked.
        self._was_late: bool | None = None

    def close(self) -> None:
        """Give the connection back."""
        self._working_set.close()

    def event_time(self, now: datetime | None = None) -> datetime | None:
        """The latest envelope time of the accepted events that is not far ahead of the wall clock; None without any.

        `now` is what that clock shows, where it is another than this machine's.
        """
        with self._gateway.transaction() as cursor:
            return horizon(cursor, (now or wall_clock()) + AHEAD_MAX)

    def judge_votes(self) -> None:
        """Decide about payouts on which people decided, without moving the clock: nobody may wait for that."""
        self._office = Office(self._working_set, now=wall_clock())
        try:
            self._look_at_votes()
            self._decide_affairs(wall_clock())
        except BaseException:
            self._working_set.forget()
            raise

    def count_due(self, until: datetime, at_most: int) -> int:
        """For how many sessions the clock has something to do by `until`, counted up to `at_most`."""
        with self._gateway.transaction() as cursor:
            return count_due_sessions(cursor, until, at_most)

    def advance(self, until: datetime, on_progress: OnProgress | None = None, *, by_event_time: bool = False) -> int:
        """Do everything the clock drives up to `until` (inclusive); how many payouts were made.

        While payouts are stopped none is made, whenever it was due; `by_event_time` those are that were due before.
        Sessions first: what they issue, earn and mature depends on no run. Then each operator's runs in their order.
        Raises MachineryFault when interrupted, and RunsFailed when an operator's runs break; those of the others
        are made then. Advancing again goes on from there.

        What people decide of the book acts after the runs of its moment: `by_event_time` the clock stops there, and a
        live one has come there anyway.
        """
        payouts, stops = 0, self._affairs_until(until) if by_event_time else []
        for moment in stops:
            payouts += self._advance_to(moment, on_progress, by_event_time=by_event_time)
            self._decide_affairs(moment)
        if not stops or stops[-1] < until:
            payouts += self._advance_to(until, on_progress, by_event_time=by_event_time)
            self._decide_affairs(until)
        return payouts

    def _affairs_until(self, until: datetime) -> list[datetime]:
        with self._gateway.transaction() as cursor:
            return due_moments(cursor, until)

    def _decide_affairs(self, until: datetime) -> None:
        """Judge what people decided of the book, each decision in a transaction of its own, by their times."""
        with self._gateway.transaction() as cursor:
            if next_due(cursor, until) is None:
                return
        zone = self._working_set.rules.book_zone
        while self._under_clock(lambda cursor, work: decide_next(cursor, work, self._known.catalogue, until, zone)):
            pass

    def _advance_to(self, until: datetime, on_progress: OnProgress | None, *, by_event_time: bool) -> int:
        """Everything but what people decide of the book."""
        report = on_progress or _silent
        # Messages that a live system has acted by come to the same where they are settled later, whatever the moment.
        now = max(until, wall_clock())
        self._office = Office(self._working_set, is_live=not by_event_time, now=now)
        try:
            # First what nobody else has in hand, then the rest: no run may fire before what it may pay is there.
            for wait in (False, True):
                self._advance_all_sessions(until, report, wait=wait)
            # What nobody claims of the settlements that were told, now that every session has what is its own.
            self._in_sets(lambda cursor, work, _: look_at_receipts(cursor, work, RECEIPTS_PER_SET))
            max_age = self._working_set.rules.hold_max_age
            # Before any run: what is due of matters, or ruled by other terms.
            self._in_sets(partial(advance_matters, until=until, at_most=MATTERS_PER_SET, hold_max_age=max_age))
            self._look_at_votes()
            fired = self._fire_runs(until, report)
            self._in_sets(partial(self._look_for_answers, until))
            self._in_sets(partial(find_aged_balances, until=until, at_most=OPERATORS_PER_SET))
            if fired.failures:
                told = ", ".join(f"{operator_id} ({error})" for operator_id, error in fired.failures.items())
                raise RunsFailed(f"payout runs broke for {told}; those of all other operators are made")
            return fired.payouts
        except BaseException:
            self._working_set.forget()
            raise

    def advance_sessions(self, until: datetime, on_progress: OnProgress | None = None) -> None:
        """A share of the sessions' part of `advance`: what no other process has in hand, warm sessions first.

        Any number of processes may do this at once. `advance` afterwards finds what one of them left behind.
        """
        report = on_progress or _silent
        try:
            warm = self._sessions.warm_ids()
            for first in range(0, len(warm), SESSIONS_PER_SET):
                some = warm[first : first + SESSIONS_PER_SET]
                self._advance_next(partial(stale_among, session_ids=some), until, report, are_stale=True)
                self._advance_next(partial(due_among, session_ids=some, until=until), until, report)
            self._advance_all_sessions(until, report, wait=False)
        except BaseException:
            self._working_set.forget()
            raise

    def _advance_all_sessions(self, until: datetime, report: OnProgress, *, wait: bool) -> None:
        """Due sessions learn what waits for them and are judged once for all of it; others are followed up behind."""
        self._follow_up.run(wait=wait, before_clock=True)
        is_more = True
        while is_more:
            stale = partial(stale_sessions, limit=SESSIONS_PER_SET, wait=wait)
            while self._advance_next(stale, until, report, are_stale=True):
                pass
            for query in (due_sessions, presuming_sessions):
                chosen = partial(query, until=until, limit=SESSIONS_PER_SET, wait=wait)
                while self._advance_next(chosen, until, report):
                    pass
            # What is brought may make a session due again.
            is_more = self._follow_up.run(wait=wait)

    def _in_sets(self, look: Callable[[Cursor[TupleRow], Work, Catalogue], int]) -> None:
        """Look at what is due, set by set, each a transaction, until nothing is left; `look` counts what it saw."""
        is_more = True
        while is_more:
            with self._gateway.transaction() as cursor:
                self._known.lock(cursor, to_publish=False)
                work = Work(self._gateway.shard)
                is_more = look(cursor, work, self._known.catalogue) > 0
                take_bank(cursor, work, (), self._known.catalogue)
                if is_more:
                    work.write(cursor)

    def _advance_next(self, query: Query, until: datetime, report: OnProgress, *, are_stale: bool = False) -> int:
        """One set; how many sessions it had."""
        count = self._sets.do_next(query, partial(self._advance_set, until, are_stale))
        if count:
            report("sessions", count)
        return count

    def _advance_set(
        self, until: datetime, are_stale: bool, cursor: Cursor[TupleRow], work: Work, session_ids: Sequence[str]
    ) -> None:
        issued: list[tuple[str, str, str]] = []
        sessions = self._sessions.lock(cursor, session_ids)
        if are_stale:
            look_for_places_again(sessions.values())
        self._follow_up.bring_along(cursor, work, sessions)
        for session in sessions.values():
            judgement = judge_and_refuse(cursor, work, session, self._known.catalogue, clock=until)
            issued += _references(session, judgement)
        add_references(cursor, issued)

    def _look_at_votes(self) -> None:
        self._in_sets(lambda cursor, work, _: look_at_votes(cursor, work, self._office, PAYOUTS_PER_SET))

    def _look_for_answers(self, until: datetime, cursor: Cursor[TupleRow], work: Work, _: Catalogue) -> int:
        """Find payouts that nobody has answered in time."""
        return look_for_answers(cursor, work, self._office, until, PAYOUTS_PER_SET)

    def _note_standstill(self, until: datetime, late: Iterable[Finding] = ()) -> None:
        """Have people told that the clock stood still, once until all runs are made, and that they are."""
        found = list(late)
        if self._was_late == bool(found):
            return
        with self._gateway.transaction() as cursor:
            if self._was_late is None:
                self._was_late = any(map(len, read_findings(cursor, [CLOCK]).values()))
            if self._was_late == bool(found):
                return
            work = Work(self._gateway.shard)
            finding_streams(cursor, work, [CLOCK])[CLOCK].change(found, until)
            work.write(cursor)
        self._was_late = bool(found)

    def _note_broken_runs(self, fired: Fired, until: datetime) -> None:
        if not fired.failures and not fired.broke:
            return
        with self._gateway.transaction() as cursor:
            work = Work(self._gateway.shard)
            find_broken_runs(cursor, work, fired.failures, until)
            if work.events:
                work.write(cursor)

    def _late_runs(self, cursor: Cursor[TupleRow], due: DueRuns, until: datetime) -> list[Finding]:
        """That runs were not fired in time, of those that nothing else holds up."""
        if not due.closed:
            return []
        held_up = operators_held_up(cursor)
        closed = {key: day for key, day in due.closed.items() if key not in held_up}
        missed = missed_runs(self._known.catalogue.operators, closed, due.last, until)
        stops = list(self._known.catalogue.stops.intervals())
        return clock_stood_still((each for each in missed if not _was_stopped(each.due_at, stops)), until)

    def _fire_runs(self, until: datetime, report: OnProgress) -> Fired:
        """Fire what is due: an operator's runs in their order or, where runs wait for cover, all by their moments."""
        stops = self._working_set.cover_rule is CoverRule.STOP
        with self._gateway.transaction() as cursor:
            self._known.lock(cursor, to_publish=False)
            due_now = self._agenda.due(cursor, self._known, until)
            # While payouts are stopped nothing is made; what is missed meanwhile is made once they are resumed.
            is_stopped = self._office.is_live and self._known.catalogue.stops.standing is not None
            due = [] if is_stopped else due_now.operator_ids
            fired = Fired.after(cursor)
            late = self._late_runs(cursor, due_now, until)
            moments = run_moments(cursor, self._known.catalogue, due, until) if stops else []
        if due:
            # Another process may have had the clock meanwhile.
            self._was_late = None
        if late:
            self._note_standstill(until, late)
        fired.moments = [moment for moment, _ in moments]
        runs = RunSets(self._working_set, self._office, stops=stops)
        hand_offs = HandOffs(self._working_set, self._office, self._look_at_votes, fired.note)
        for moment, operator_ids in moments:
            hand_offs.let_go(moment)
            runs.fire(self._covered(fired, fired.in_turn(operator_ids, moment), moment), moment, fired)
        hand_offs.let_go(until)
        runs.fire(fired.in_turn(due, until), until, fired, report)
        self._weigh_cover(fired.waiting, until)
        self._note_broken_runs(fired, until)
        self._note_standstill(until)
        return fired

    def _covered(self, fired: Fired, operator_ids: Sequence[str], moment: datetime) -> Iterator[str]:
        """These in their turn, without those that wait for more than there is at a moment."""
        for operator_id in operator_ids:
            waiting = fired.waiting.get(operator_id)
            for currency in waiting.wanted if waiting else ():
                if (currency, moment) not in fired.left:
                    with self._gateway.transaction() as cursor:
                        fired.left |= money_left(cursor, ((currency, each) for each in fired.moments))
                    fired.handed_off[currency] = 0
            if waiting is None or fired.reaches(waiting, moment):
                yield operator_id

    def _weigh_cover(self, waiting: Mapping[str, Waiting], until: datetime) -> None:
        """Find which payouts left without cover, and what is covered by now: in sets, each a transaction."""
        with self._gateway.transaction() as cursor:
            # Also a payout that was made again has left, and what was short before may be covered by now.
            if not waiting and not has_cover_work(cursor):
                return
        weigh_some = partial(weigh, waiting=waiting, until=until, at_most=PAYOUTS_PER_COVER_SET)
        while self._under_clock(weigh_some):
            pass
        with self._gateway.transaction() as cursor:
            concerned = look_again_at(cursor, waiting, until)
        for first in range(0, len(concerned), OPERATORS_PER_SET):
            some = concerned[first : first + OPERATORS_PER_SET]
            self._under_clock(partial(look_again, operator_ids=some, waiting=waiting, until=until))

    def _under_clock(self, look: Callable[[Cursor[TupleRow], Work], int | None]) -> int | None:
        """One transaction that no other clock runs beside."""
        with self._gateway.transaction() as cursor:
            hold(cursor, Lock.CLOCK)
            self._known.lock(cursor, to_publish=False)
            work = Work(self._gateway.shard)
            found = look(cursor, work)
            work.write(cursor)
            return found


def _was_stopped(since: datetime, stops: Iterable[Interval]) -> bool:
    """Whether people had all payouts stopped at a moment or after it."""
    return any(each.ended is None or each.ended.at >= since for each in stops)


def _references(session: Session, judgement: Judgement) -> list[tuple[str, str, str]]:
    """Answers may come to CDRs and credit CDRs of sessions whose token belongs to another party."""
    if judgement.partner is None:
        return []
    issued = [decision for decision in judgement.decisions if isinstance(decision, CdrIssued | CdrCredited)]
    return [("cdr", decision.cdr_id, session.session_id) for decision in issued]


def _silent(_stage: str, _count: int) -> None:
    """Report progress to nobody."""
