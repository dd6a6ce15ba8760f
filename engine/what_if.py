"""What past sessions would have earned by another tariff: the engine's own judgement, on copies, posting nothing.

An order to rate anew is told to a copy of the catalogue that only this call has, and each session it concerns decides
again as it would if the order were given. So what is shown is what an order comes to, to the cent.
"""

from collections import Counter
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self

from psycopg import Connection, IsolationLevel
from psycopg.rows import TupleRow

from domain.book.bookings import CapturedSessionReRated
from domain.catalogue.catalogue import Catalogue
from domain.catalogue.orders import RatingOrder
from domain.session.assessment import Assessment, Bill, SessionState
from domain.session.decisions import SessionAssessed
from domain.session.judging import decide
from domain.session.session import Session
from engine.sessions import load
from ledger.database import Role, connect
from ledger.intake.catalogue import KnownCatalogue

SESSIONS_AT_ONCE = 1_000

# The sessions of an operator that started in a span of time. Nothing of a session is before its start, so the index
# on `latest_at` finds them.
_STARTED = """
SELECT session_id FROM intake.session_head
WHERE operator_id = %(operator_id)s AND latest_at >= %(started_from)s
  AND started_at >= %(started_from)s AND started_at < %(started_before)s
ORDER BY started_at, session_id
"""


class Order(NamedTuple):
    """An order as a message tells it, given or not: `data` is that of `tariff.rerating_ordered`."""

    source: str
    id: str
    time: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Amounts:
    """What a session, or many, came to; minor units."""

    net: int = 0
    gross: int = 0
    share: int = 0
    commission: int = 0
    commission_vat: int = 0

    @classmethod
    def of_outcome(cls, outcome: SessionAssessed | None) -> Self | None:
        """What an outcome says that stands; None unless it is RATED."""
        if outcome is None or outcome.state != SessionState.RATED:
            return None
        amounts = (outcome.net, outcome.gross, outcome.operator_share, outcome.commission, outcome.commission_vat)
        return cls(*(amount or 0 for amount in amounts))

    @classmethod
    def of_bill(cls, bill: Bill | None) -> Self | None:
        """What a price comes to."""
        return cls(bill.net, bill.gross, bill.share, bill.commission, bill.commission_vat) if bill else None

    def __add__(self, other: Self | None) -> Self:
        if other is None:
            return self
        return type(self)(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))


@dataclass(frozen=True, slots=True)
class SessionIf:
    """One session: what it was `billed`, what it would cost `under` the other tariff, and what an order would leave.

    `standing` is less than `under` by `short`, what a captured payment cannot give any more; `due` is what was made
    due back of one. Both are in minor units, with the order and whatever caused them, and `_before` without it. Where
    `billed` is None the session is not rated and left out, where `under` is None it would be refused: `reason` tells
    why. `credits` and `cdrs` count what would go out.
    """

    session_id: str
    started_at: datetime
    energy_wh: str | None = None
    currency: str | None = None
    billed: Amounts | None = None
    under: Amounts | None = None
    standing: Amounts | None = None
    reason: str = ""
    short_before: int = 0
    short: int = 0
    due_before: int = 0
    due: int = 0
    credits: int = 0
    cdrs: int = 0

    @property
    def shortfall(self) -> int:
        """What the order would add to that which cannot be had any more; negative where it takes from it."""
        return self.short - self.short_before

    @property
    def refund_due(self) -> int:
        """What the order would make due back, besides what is already; negative where less would be."""
        return self.due - self.due_before

    @property
    def brings(self) -> tuple[int, int, int, int]:
        """Net less commission, and the share, each as billed and by the other tariff; nothing where it is refused."""
        billed, under = self.billed or Amounts(), self.under or Amounts()
        return billed.net - billed.commission, under.net - under.commission, billed.share, under.share


@dataclass(slots=True)
class Totals:
    """Sums over sessions, taken in one by one; `refused` and `left_out` count them by reason.

    What is short and due is summed over all, so that the sums before and after an order can be told from each other.
    """

    sessions: int = 0
    changed: int = 0
    billed: Amounts = field(default_factory=Amounts)
    under: Amounts = field(default_factory=Amounts)
    standing: Amounts = field(default_factory=Amounts)
    short_before: int = 0
    short: int = 0
    due_before: int = 0
    due: int = 0
    credits: int = 0
    cdrs: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, each: SessionIf) -> None:
        """Take in a session."""
        self.short_before, self.short = self.short_before + each.short_before, self.short + each.short
        self.due_before, self.due = self.due_before + each.due_before, self.due + each.due
        if each.billed is None:
            self.left_out[each.reason] += 1
            return
        self.sessions += 1
        self.changed += each.billed != each.standing
        self.billed, self.under = self.billed + each.billed, self.under + each.under
        self.standing += each.standing
        self.credits, self.cdrs = self.credits + each.credits, self.cdrs + each.cdrs
        if each.under is None:
            self.refused[each.reason] += 1


def what_if(dsn: str, order: Order) -> Generator[SessionIf, None, None]:
    """Each session that an order concerns, by start and id, as of one moment; with memory for a set of them only.

    Reads in one transaction that can write nothing. Raises MachineryFault when the database is gone.
    """
    with _snapshot(dsn) as connection:
        known = KnownCatalogue()
        with connection.cursor() as cursor:
            known.read(cursor)
        yield from what_if_in(connection, known.catalogue, order)


def what_if_in(
    connection: Connection[TupleRow], catalogue: Catalogue, order: Order
) -> Generator[SessionIf, None, None]:
    """The same, in the transaction of a connection; the catalogue is that of its snapshot, and has the order then."""
    catalogue.publish("tariff.rerating_ordered", order.source, order.id, order.time, order.data)
    given = catalogue.orders[order.data["operator_id"]].by_id[order.data["order_id"]]
    for session in _sessions(connection, given, order.data["operator_id"]):
        yield _judged(session, catalogue, given)


def standing(dsn: str, order: Order) -> Generator[SessionIf, None, None]:
    """The same sessions as they stand, with nothing judged again: what an order that was given has come to."""
    with _snapshot(dsn) as connection:
        catalogue = Catalogue()
        catalogue.publish("tariff.rerating_ordered", order.source, order.id, order.time, order.data)
        given = catalogue.orders[order.data["operator_id"]].by_id[order.data["order_id"]]
        for session in _sessions(connection, given, order.data["operator_id"]):
            yield _as_it_stands(session)


@contextmanager
def _snapshot(dsn: str) -> Iterator[Connection[TupleRow]]:
    with connect(dsn, Role.AUDITOR, autocommit=True) as connection:
        connection.isolation_level = IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with connection.transaction(force_rollback=True):
            yield connection


def _sessions(connection: Connection[TupleRow], order: RatingOrder, operator_id: str) -> Iterator[Session]:
    """The sessions that an order concerns, loaded in sets."""
    names = {"operator_id": operator_id, "started_from": order.started_from, "started_before": order.started_before}
    with connection.cursor("started") as heads, connection.cursor() as cursor:
        heads.execute(_STARTED, names)
        while rows := heads.fetchmany(SESSIONS_AT_ONCE):
            for session in load(cursor, [session_id for (session_id,) in rows]).values():
                start = session.meter.start_as_corrected()
                if start is not None and order.concerns(start.tariff_id, start.at):
                    yield session


def _started_at(session: Session) -> datetime:
    start = session.meter.start_as_corrected()
    if start is None:
        raise ValueError(f"session {session.session_id} has no start")
    return start.at


def _as_it_stands(session: Session) -> SessionIf:
    outcome, started_at = session.outcome, _started_at(session)
    amounts = Amounts.of_outcome(outcome)
    short, due = _short_and_due(session)
    return SessionIf(
        session.session_id,
        started_at,
        outcome.energy_wh if outcome else None,
        outcome.currency if outcome else None,
        billed=amounts,
        under=amounts,
        standing=amounts,
        reason="" if amounts else _why(outcome),
        short_before=short,
        short=short,
        due_before=due,
        due=due,
    )


def _why(outcome: SessionAssessed | None) -> str:
    return f"{outcome.state} {outcome.reason}".strip() if outcome else "not judged yet"


def _judged(session: Session, catalogue: Catalogue, order: RatingOrder) -> SessionIf:
    """What the session comes to with the order; it is a copy, and its decisions go nowhere."""
    found = _as_it_stands(session)
    if found.billed is None:
        return found
    decide(session, catalogue, None)
    after, assessment = session.outcome, session.assess(catalogue)
    left = Amounts.of_outcome(after)
    bill = assessment.changes[-1].bill if assessment.state == SessionState.RATED and assessment.changes else None
    is_changed = (found.energy_wh, found.billed) != (after.energy_wh if after else None, left)
    credit, cdr = _documents(session, assessment, order) if is_changed else (0, 0)
    short, due = _short_and_due(session)
    return replace(
        found,
        under=Amounts.of_bill(bill),
        standing=left,
        reason="" if left else _why(after),
        short=short,
        due=due,
        credits=credit,
        cdrs=cdr if left else 0,
    )


def _documents(session: Session, assessment: Assessment, order: RatingOrder) -> tuple[int, int]:
    """The credit CDRs and CDRs that a changed bill asks for; before the first is due, that one has it already."""
    if not session.issued:
        contract, rateable_from = assessment.contract, assessment.rateable_from
        if contract is None or rateable_from is None:
            return 0, 0
        delay = timedelta(minutes=contract.operator.cdr_delay_minutes)
        issue_at = max(assessment.changes[0].at + delay, rateable_from)
        return (0, 0) if order.at <= issue_at else (1, 1)
    return int(session.issued[-1].credited_at is None), 1


def _short_and_due(session: Session) -> tuple[int, int]:
    """What cannot be charged any more, and what was made due back of what was captured (J59), by now."""
    re_rated = [each for each in session.standing.bookings() if isinstance(each, CapturedSessionReRated)]
    return session.outcome.shortfall if session.outcome else 0, sum(each.old_gross - each.gross for each in re_rated)
