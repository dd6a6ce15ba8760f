"""Payouts that people let go, as the clock decides about them; where runs wait for cover they wait for it, too.

One that client money does not reach for waits, is told, and goes at the first moment at which the clock finds enough.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from psycopg import Cursor
from psycopg.rows import TupleRow

from domain.payout.deciding import next_look, ready_at
from domain.payout.events import PayoutDecision, PayoutStatus
from domain.payout.findings import find_without_cover
from domain.payout.payout import Payout
from engine.cover import money_left
from engine.office import Office
from engine.payout_streams import load_payouts, write_all
from engine.payouts import take_decisions
from engine.work import Work
from engine.working_set import WorkingSet
from ledger.intake.looks import Ready, left_after, looked, note_short, ready_by, to_look_at
from ledger.locks import Lock, hold


def look_at_votes(cursor: Cursor[TupleRow], work: Work, office: Office, at_most: int) -> int:
    """Decide about payouts on which people decided, or by other facts than before; how many were looked at."""
    found = to_look_at(cursor, at_most)
    payouts = load_payouts(cursor, found)
    decided: list[tuple[Payout, list[PayoutDecision]]] = []
    ready: list[tuple[str, datetime | None, datetime | None]] = []
    for payout_id, payout in payouts.items():
        decided.append((payout, take_decisions(cursor, payout, office)))
        since = _ready_at(payout, office)
        again = next_look(payout, office.around(payout.created.operator_id)) if payout.created else None
        ready.append((payout_id, since, again))
        if since is None:
            decided.append((payout, [*find_without_cover(payout, None)]))
    write_all(cursor, work, decided, office)
    looked(cursor, ready)
    return len(found)


def _ready_at(payout: Payout, office: Office) -> datetime | None:
    """Since when a payout waits for nothing but client money."""
    if not office.weighs_cover or payout.created is None:
        return None
    return ready_at(payout, office.around(payout.created.operator_id))


class HandOffs:
    """Hands off what people let go, by the moments at which it may leave; each payout is one transaction."""

    def __init__(
        self, working_set: WorkingSet, office: Office, look: Callable[[], None], note: Callable[[str, int], None]
    ) -> None:
        """`look` decides about payouts that have to be looked at; `note` takes what left, by currency."""
        self._working_set, self._office, self._look, self._note = working_set, office, look, note

    def let_go(self, until: datetime) -> None:
        """What may leave by a moment, each at its own; what was short then, as of `until`."""
        if not self._office.weighs_cover:
            return
        self._look()
        with self._working_set.gateway.transaction() as cursor:
            found = ready_by(cursor, until)
        short = [each for each in found if each.short]
        for each in found:
            if not each.short:
                # Of two that wait the one that was ready first has the money first.
                short = self._again(short, each.ready_at)
                if not self._try(each, each.ready_at):
                    short.append(each._replace(short=True))
        self._again(short, until)

    def _again(self, short: Sequence[Ready], at: datetime) -> list[Ready]:
        """Hand off what was short, as far as client money reaches as of a moment; those that go on waiting."""
        left: dict[str, int] = {}
        for currency in {each.currency for each in short}:
            with self._working_set.gateway.transaction() as cursor:
                left[currency] = _least(cursor, currency, at)
        waiting = []
        for each in short:
            if each.amount <= left[each.currency] and self._try(each, at):
                left[each.currency] -= each.amount
            else:
                waiting.append(each)
        return waiting

    def _try(self, ready: Ready, at: datetime) -> bool:
        """Hand a payout off as of a moment, if client money reaches for it then and whenever money left since.

        Whether it waits no more.
        """
        with self._working_set.gateway.transaction() as cursor:
            hold(cursor, Lock.CLOCK)
            self._working_set.known.lock(cursor, to_publish=False)
            payout = load_payouts(cursor, [ready.payout_id])[ready.payout_id]
            made = payout.created
            if made is None or payout.status is not PayoutStatus.AWAITING_APPROVAL:
                return True
            missing = ready.amount - _least(cursor, ready.currency, at)
            if missing > 0:
                decisions: list[PayoutDecision] = [*find_without_cover(payout, ready.ready_at, missing)]
                note_short(cursor, ready.payout_id)
            else:
                around = self._office.around(made.operator_id)
                if around.leaves_at(at) != at or around.why_not(made.bank_account, made.operator_id, at):
                    return False
                decisions = take_decisions(cursor, payout, self._office, covered_at=at)
                looked(cursor, [(ready.payout_id, None, None)])
            work = Work(self._working_set.gateway.shard)
            write_all(cursor, work, [(payout, decisions)], self._office)
            work.write(cursor)
        if payout.handed_off is not None:
            self._note(ready.currency, ready.amount)
        return payout.status is not PayoutStatus.AWAITING_APPROVAL


def _least(cursor: Cursor[TupleRow], currency: str, at: datetime) -> int:
    """The least that is left of client money at a moment and at those after it at which payouts left."""
    moments = [at, *left_after(cursor, currency, at)]
    return min(money_left(cursor, ((currency, each) for each in moments)).values())
