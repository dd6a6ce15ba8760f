"""Payout runs in sets of operators, each one transaction; one that breaks is halved until who breaks it is alone."""

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.book.findings import FindingKind
from domain.payout.desk import Cover, RunsMade, Waiting
from engine.cover import money_left
from engine.line_audit import doubtful_lines
from engine.matters import take_matters
from engine.office import Office
from engine.operator_findings import find_below_zero, find_withheld, operators_with_findings
from engine.operator_runs import Desk, RunsDecided, close_runs, decide_runs, lock_desks, write_runs
from engine.work import Work
from engine.working_set import WorkingSet
from ledger.book.lines import count_payable
from ledger.errors import ConcurrencyConflict, MachineryFault
from ledger.locks import Lock, hold

_log = logging.getLogger(__name__)

# While a set is written nothing can be stopped or held, and afterwards nothing leaves that was: so it is no larger.
OPERATORS_PER_RUN_SET = 200
# Nor do operators that have more lines than these together share one: what a set needs of memory is bounded.
LINES_PER_RUN_SET = 20_000


@dataclass(slots=True)
class Fired:
    """What firing runs came to so far.

    Before it nothing could be paid to the accounts of the `bad`, the runs of those that `broke` were not made, and
    those `owing` owed more than they had earned; whoever is found so by one of these runs is among them from then on,
    since one of the next may end it. `failures` has the runs that break now, and by what.
    `left` is client money by currency and moment, as far as anybody asked; `handed_off` what was made since.
    """

    bad: set[str]
    owing: set[str]
    broke: frozenset[str]
    moments: Sequence[datetime] = ()
    payouts: int = 0
    waiting: dict[str, Waiting] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    left: dict[tuple[str, datetime], int] = field(default_factory=dict)
    handed_off: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    @classmethod
    def after(cls, cursor: Cursor[TupleRow]) -> "Fired":
        """Nothing yet, after what was found before."""
        kinds = (FindingKind.BAD_ACCOUNT, FindingKind.NEGATIVE_BALANCE, FindingKind.RUNS_FAILED)
        bad, owing, broke = (frozenset(operators_with_findings(cursor, (kind,))) for kind in kinds)
        return cls({*bad}, {*owing}, broke)

    def in_turn(self, operator_ids: Sequence[str], until: datetime) -> list[str]:
        """These and all that wait, by the moment of their run and their ids; none whose runs broke."""
        at = dict.fromkeys(operator_ids, until)
        at |= {operator_id: waiting.at for operator_id, waiting in self.waiting.items()}
        return sorted(at.keys() - self.failures.keys(), key=lambda operator_id: (at[operator_id], operator_id))

    def note(self, currency: str, amount: int) -> None:
        """Take in what left otherwise than by a run."""
        self.handed_off[currency] += amount

    def reaches(self, waiting: Waiting, moment: datetime) -> bool:
        """Whether there is enough for a run that waits."""
        left = {currency: self.left[currency, moment] - self.handed_off[currency] for currency in waiting.wanted}
        return all(sum_ <= left[currency] for currency, sum_ in waiting.wanted.items())

    def take(self, made: Mapping[str, RunsMade]) -> None:
        """Take in what the runs of operators made."""
        for operator_id, each in made.items():
            self.payouts += len(each.paid_lines)
            for currency, sum_ in each.handed_off.items():
                self.handed_off[currency] += sum_
            self.waiting.pop(operator_id, None)
            if each.waiting is not None:
                self.waiting[operator_id] = each.waiting


class RunSets:
    """Fires the runs of operators that are due by a moment; with `stops` one by one, as far as there is cover."""

    def __init__(self, working_set: WorkingSet, office: Office, *, stops: bool) -> None:
        self._working_set, self._office, self._stops = working_set, office, stops

    def fire(
        self,
        operator_ids: Iterable[str],
        until: datetime,
        fired: Fired,
        report: Callable[[str, int], None] | None = None,
    ) -> None:
        """Fire them in this order, those whose runs broke before one by one after the others.

        With `stops` who comes next is asked for only when the runs before it are made.
        """
        for some in self._sets(operator_ids, fired):
            self._fire_or_halve(some, until, fired)
            if report is not None:
                report("operators", len(some))

    def _sets(self, operator_ids: Iterable[str], fired: Fired) -> Iterator[Sequence[str]]:
        if self._stops:
            yield from ((operator_id,) for operator_id in operator_ids)
            return
        ids = list(operator_ids)
        with self._working_set.gateway.transaction() as cursor:
            lines = count_payable(cursor, ids)
        some: list[str] = []
        total = 0
        for operator_id in (each for each in ids if each not in fired.broke):
            total += lines.get(operator_id, 0)
            if some and (total > LINES_PER_RUN_SET or len(some) == OPERATORS_PER_RUN_SET):
                yield some
                some, total = [], lines.get(operator_id, 0)
            some.append(operator_id)
        if some:
            yield some
        yield from ((operator_id,) for operator_id in ids if operator_id in fired.broke)

    def _fire_or_halve(self, operator_ids: Sequence[str], until: datetime, fired: Fired) -> None:
        """Fire the runs of a set; where it breaks, of its halves, so that only who breaks it goes without."""
        try:
            fired.take(self._fire_set(operator_ids, until, fired))
        except (MachineryFault, ConcurrencyConflict):
            raise
        except Exception as error:
            if half := len(operator_ids) // 2:
                self._fire_or_halve(operator_ids[:half], until, fired)
                self._fire_or_halve(operator_ids[half:], until, fired)
                return
            self._working_set.known.forget()
            fired.failures[operator_ids[0]] = f"{type(error).__name__}: {error}"

    def _fire_set(self, operator_ids: Sequence[str], until: datetime, fired: Fired) -> Mapping[str, RunsMade]:
        """One transaction; what was stopped or held before it is seen by it, and what is stopped after it waits."""
        with self._working_set.gateway.transaction() as cursor:
            hold(cursor, Lock.CLOCK)
            self._working_set.known.lock(cursor, to_publish=False)
            # What was stopped since the run began: it goes on once payouts are resumed.
            if self._office.is_live and self._working_set.known.catalogue.stops.standing is not None:
                return {}
            work = Work(self._working_set.gateway.shard)
            cover = _cover_of(cursor) if self._stops else None
            desks = self._sound_desks(cursor, operator_ids, until, fired)
            decided = decide_runs(cursor, desks, until, self._office, cover)
            for operator_id in desks:
                self._write_runs(cursor, work, decided[operator_id], fired)
            made = {operator_id: each.made for operator_id, each in decided.items()}
            work.write(cursor)
            close_runs(cursor, made)
            return made

    def _sound_desks(
        self, cursor: Cursor[TupleRow], operator_ids: Sequence[str], until: datetime, fired: Fired
    ) -> dict[str, Desk]:
        """What the runs of operators find, locked, without those whose lines stored events do not give."""
        desks = lock_desks(cursor, operator_ids)
        payable = {operator_id: desk.lines for operator_id, desk in desks.items()}
        doubts = doubtful_lines(cursor, self._working_set.known.catalogue, payable, until)
        for operator_id, sentence in doubts.items():
            _log.error("no run of operator %s is made: %s", operator_id, sentence)
        fired.failures |= doubts
        return {operator_id: desk for operator_id, desk in desks.items() if operator_id not in doubts}

    def _write_runs(self, cursor: Cursor[TupleRow], work: Work, decided: RunsDecided, fired: Fired) -> None:
        """Write what an operator's runs decided, and note what they found of it."""
        if decided.conversions:
            told = [each.fact() for each in decided.conversions]
            take_matters(cursor, work, told, self._working_set.known.catalogue, self._working_set.rules.hold_max_age)
        write_runs(cursor, work, decided)
        catalogue, operator_id, made = self._working_set.known.catalogue, decided.operator_id, decided.made
        if operator_id in fired.bad or made.withheld is not None:
            fired.bad.add(operator_id)
            find_withheld(cursor, work, catalogue, operator_id, made.withheld)
        if operator_id in fired.owing or any(below.amounts for below in made.below_zero):
            fired.owing.add(operator_id)
            find_below_zero(cursor, work, operator_id, decided.versions, made.below_zero)


def _cover_of(cursor: Cursor[TupleRow]) -> Cover:
    def cover(currency: str, moment: datetime) -> int:
        return money_left(cursor, [(currency, moment)])[currency, moment]

    return cover
