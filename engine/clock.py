"""What the clock drives: CDRs are issued, shares mature, reserves come back and payout runs fire, up to a moment."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TypeAlias

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.findings import Finding, FindingKind
from domain.far_ahead import AHEAD_MAX
from domain.payout.cover import CoverRule
from domain.payout.run import RunsMade, Waiting
from domain.payout.run_findings import CLOCK, clock_stood_still, missed_runs
from domain.session.decisions import CdrIssued
from domain.session.session import Judgement, Session
from engine.cover import has_work as has_cover_work
from engine.cover import money_left, weigh
from engine.errors import RunsFailed
from engine.far_ahead import wall_clock
from engine.finding_streams import finding_streams, read_findings
from engine.follow_up import FollowUp, look_for_places_again
from engine.judging import judge_and_refuse
from engine.operator_findings import (
    find_below_zero,
    find_broken_runs,
    find_withheld,
    operators_held_up,
    operators_with_findings,
)
from engine.payouts import DueRuns, close_runs, due_runs, fire_operator_runs, look_for_answers, run_moments
from engine.receipts import look_at_receipts
from engine.session_sets import SESSIONS_PER_SET, Query, SessionSets
from engine.work import Work
from engine.working_set import WorkingSet
from ledger import locks
from ledger.errors import ConcurrencyConflict, MachineryFault
from ledger.events.heads import (
    count_due_sessions,
    due_among,
    due_sessions,
    presuming_sessions,
    stale_among,
    stale_sessions,
)
from ledger.intake.event_time import horizon
from ledger.intake.parking import add_references

OnProgress: TypeAlias = Callable[[str, int], None]

RECEIPTS_PER_SET = 20
PAYOUTS_PER_SET = 200

_LOCK = f"SELECT pg_advisory_xact_lock({locks.CLOCK})"


class Clock:
    """Moves the store to a moment, set by set; each set is one transaction and can be interrupted anywhere."""

    def __init__(self, source: str | WorkingSet) -> None:
        """`source` is the DSN of the database, or what this process holds of it already."""
        self._working_set = WorkingSet.of(source)
        self._gateway, self._known = self._working_set.gateway, self._working_set.known
        self._sessions = self._working_set.sessions
        self._follow_up = FollowUp(self._working_set)
        self._sets = SessionSets(self._working_set)
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

    def count_due(self, until: datetime, at_most: int) -> int:
        """For how many sessions the clock has something to do by `until`, counted up to `at_most`."""
        with self._gateway.transaction() as cursor:
            return count_due_sessions(cursor, until, at_most)

    def advance(self, until: datetime, on_progress: OnProgress | None = None) -> int:
        """Do everything the clock drives up to `until` (inclusive); how many payouts were made.

        Sessions first: what they issue, earn and mature depends on no run. Then each operator's runs in their order.
        Raises MachineryFault when interrupted, and RunsFailed when an operator's runs break; those of the others
        are made then. Advancing again goes on from there.
        """
        report = on_progress or _silent
        try:
            # First what nobody else has in hand, then the rest: no run may fire before what it may pay is there.
            for wait in (False, True):
                self._advance_all_sessions(until, report, wait=wait)
            self._look_at_receipts()
            fired = self._fire_runs(until, report)
            self._look_for_answers(until)
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

    def _look_at_receipts(self) -> None:
        """Find what nobody claims of the settlements that were told, now that every session has what is its own."""
        while self._look_at_some_receipts():
            pass

    def _look_at_some_receipts(self) -> int:
        with self._gateway.transaction() as cursor:
            work = Work(self._gateway.shard)
            found = look_at_receipts(cursor, work, RECEIPTS_PER_SET)
            if found:
                work.write(cursor)
            return found

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

    def _look_for_answers(self, until: datetime) -> None:
        """Find payouts that nobody has answered in time."""
        while self._look_for_some_answers(until):
            pass

    def _look_for_some_answers(self, until: datetime) -> int:
        with self._gateway.transaction() as cursor:
            self._known.lock(cursor, to_publish=False)
            work = Work(self._gateway.shard)
            looked_at = look_for_answers(cursor, work, self._known.catalogue, until, PAYOUTS_PER_SET)
            if work.events:
                work.write(cursor)
            return looked_at

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

    def _note_broken_runs(self, fired: "_Fired", until: datetime) -> None:
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
        return clock_stood_still(missed_runs(self._known.catalogue.operators, closed, due.last, until), until)

    def _fire_runs(self, until: datetime, report: OnProgress) -> "_Fired":
        """Fire what is due: an operator's runs in their order or, where runs wait for cover, all by their moments."""
        stops = self._working_set.cover_rule is CoverRule.STOP
        with self._gateway.transaction() as cursor:
            self._known.lock(cursor, to_publish=False)
            due_now = due_runs(cursor, self._known.catalogue, until)
            due = due_now.operator_ids
            fired = _Fired.after(cursor)
            late = self._late_runs(cursor, due_now, until)
            moments = run_moments(cursor, self._known.catalogue, due, until) if stops else []
        if due:
            # Another process may have had the clock meanwhile.
            self._was_late = None
        if late:
            self._note_standstill(until, late)
        fired.moments = [moment for moment, _ in moments]
        for moment, operator_ids in moments:
            self._fire_all(
                self._covered(fired, fired.in_turn(operator_ids, moment), moment), moment, fired, stops=True
            )
        self._fire_all(fired.in_turn(due, until), until, fired, report, stops=stops)
        self._weigh_cover(fired.waiting, until)
        self._note_broken_runs(fired, until)
        self._note_standstill(until)
        return fired

    def _covered(self, fired: "_Fired", operator_ids: Sequence[str], moment: datetime) -> Iterator[str]:
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

    def _fire_all(
        self,
        operator_ids: Iterable[str],
        until: datetime,
        fired: "_Fired",
        report: OnProgress | None = None,
        *,
        stops: bool,
    ) -> None:
        """Fire the runs of operators that are due by a moment, one after the other."""
        for operator_id in operator_ids:
            try:
                fired.take(operator_id, self._fire_operator_runs(operator_id, until, fired, stops=stops))
            except (MachineryFault, ConcurrencyConflict):
                raise
            except Exception as error:
                self._known.forget()
                fired.failures[operator_id] = f"{type(error).__name__}: {error}"
            if report is not None:
                report("operators", 1)

    def _fire_operator_runs(self, operator_id: str, until: datetime, fired: "_Fired", *, stops: bool) -> RunsMade:
        """Fire an operator's runs, and note what they found of it."""
        with self._gateway.transaction() as cursor:
            cursor.execute(_LOCK)
            self._known.lock(cursor, to_publish=False)
            work = Work(self._gateway.shard)
            versions = self._known.catalogue.operators[operator_id]

            def cover(currency: str, moment: datetime) -> int:
                return money_left(cursor, [(currency, moment)])[currency, moment]

            made = fire_operator_runs(cursor, work, operator_id, versions, until, cover if stops else None)
            if operator_id in fired.bad or made.withheld is not None:
                find_withheld(cursor, work, self._known.catalogue, operator_id, made.withheld)
            if operator_id in fired.owing or any(below.amounts for below in made.below_zero):
                find_below_zero(cursor, work, operator_id, made.below_zero)
            work.write(cursor)
            close_runs(cursor, operator_id, made)
            return made

    def _weigh_cover(self, waiting: Mapping[str, Waiting], until: datetime) -> None:
        with self._gateway.transaction() as cursor:
            # Also a payout that was made again has left, and what was short before may be covered by now.
            if not waiting and not has_cover_work(cursor):
                return
            cursor.execute(_LOCK)
            self._known.lock(cursor, to_publish=False)
            work = Work(self._gateway.shard)
            weigh(cursor, work, waiting, until)
            work.write(cursor)


@dataclass(slots=True)
class _Fired:
    """What firing runs came to so far.

    Before it nothing could be paid to the accounts of the `bad`, the runs of those that `broke` were not made, and
    those `owing` owed more than they had earned. `failures` has the runs that break now, and by what.
    `left` is client money by currency and moment, as far as anybody asked; `handed_off` what was made since.
    """

    bad: frozenset[str]
    owing: frozenset[str]
    broke: frozenset[str]
    moments: Sequence[datetime] = ()
    payouts: int = 0
    waiting: dict[str, Waiting] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    left: dict[tuple[str, datetime], int] = field(default_factory=dict)
    handed_off: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    @classmethod
    def after(cls, cursor: Cursor[TupleRow]) -> "_Fired":
        """Nothing yet, after what was found before."""
        kinds = (FindingKind.BAD_ACCOUNT, FindingKind.NEGATIVE_BALANCE, FindingKind.RUNS_FAILED)
        bad, owing, broke = (frozenset(operators_with_findings(cursor, (kind,))) for kind in kinds)
        return cls(bad, owing, broke)

    def in_turn(self, operator_ids: Sequence[str], until: datetime) -> list[str]:
        """These and all that wait, by the moment of their run and their ids; none whose runs broke."""
        at = dict.fromkeys(operator_ids, until)
        at |= {operator_id: waiting.at for operator_id, waiting in self.waiting.items()}
        return sorted(at.keys() - self.failures.keys(), key=lambda operator_id: (at[operator_id], operator_id))

    def reaches(self, waiting: Waiting, moment: datetime) -> bool:
        """Whether there is enough for a run that waits."""
        left = {currency: self.left[currency, moment] - self.handed_off[currency] for currency in waiting.wanted}
        return all(sum_ <= left[currency] for currency, sum_ in waiting.wanted.items())

    def take(self, operator_id: str, made: RunsMade) -> None:
        """Take in what an operator's runs made."""
        self.payouts += len(made.paid_lines)
        for currency, sum_ in made.handed_off.items():
            self.handed_off[currency] += sum_
        self.waiting.pop(operator_id, None)
        if made.waiting is not None:
            self.waiting[operator_id] = made.waiting


def _references(session: Session, judgement: Judgement) -> list[tuple[str, str, str]]:
    """Answers may come to CDRs of sessions whose token belongs to another party."""
    if judgement.partner is None:
        return []
    issued = [decision for decision in judgement.decisions if isinstance(decision, CdrIssued)]
    return [("cdr", decision.cdr_id, session.session_id) for decision in issued]


def _silent(_stage: str, _count: int) -> None:
    """Report progress to nobody."""
