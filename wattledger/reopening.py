"""Payout days that were closed too far: a person's decision to open them again, given through Kafka."""

from dataclasses import dataclass
from datetime import date, datetime

from api.access.principal import Principal
from api.access.roles import Right
from domain.calendar import utc_text
from engine.payout_days import closed_days
from ledger.database import Role, connect
from ledger.intake.operators import known_operators
from wattledger.crew import Crew, OnProgress
from wattledger.deciding import Deed, decide, refuse_who_may_not
from wattledger.errors import ApplicationError
from wattledger.store import Store
from wattledger.verbs import take_in

TYPE = "payouts.reopened"


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants open again: business dates from `opened_from` on, of one operator or, with None, of all."""

    opened_from: date
    operator_id: str | None
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Reopened:
    """The decision as it was taken in, and by operator through which business date its days were closed."""

    decision_id: str
    were_closed: dict[str, date]


def reopen(
    store: Store, crew: Crew, actor: Principal, wish: Wish, on_progress: OnProgress, once: str | None = None
) -> Reopened:
    """Publish the decision and take it in; of those with the same text `once` of one person only the first acts.

    Raises ApplicationError where the actor may not decide it, for an unknown operator, where nothing is closed from
    that day on, and where the decision is refused.
    """
    deed = _deed(wish, once)
    refuse_who_may_not(actor, deed)
    # First what waits to be taken in: it may tell of the operator.
    take_in(crew, on_progress)
    were_closed = _closed(store, wish)
    given = decide(store, crew, actor, deed, on_progress)
    if given.detail is not None:
        raise ApplicationError(f"decision {given.id} counts for nothing: {given.detail}")
    return Reopened(given.id, were_closed)


def _closed(store: Store, wish: Wish) -> dict[str, date]:
    """By operator, through when its days are closed that are wanted open."""
    with connect(store.dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        known = known_operators(cursor)
        closed = closed_days(cursor, wish.opened_from, wish.operator_id)
    if wish.operator_id is not None and wish.operator_id not in known:
        raise ApplicationError(f"no operator {wish.operator_id!r} is known; ids are those of operator.registered")
    if not closed:
        whose = f"of operator {wish.operator_id} " if wish.operator_id else ""
        raise ApplicationError(
            f"no payout day {whose}from {wish.opened_from} on is closed: nothing is to be reopened"
        )
    return closed


def _deed(wish: Wish, once: str | None) -> Deed:
    """What is decided: as who lets stopped payouts go on, people of the same right have runs fire again."""
    data = {
        "operator_id": wish.operator_id,
        "from": wish.opened_from.isoformat(),
        "at": utc_text(wish.at),
        "reason": wish.reason,
    }
    return Deed(TYPE, data, Right.RESUME, by_people=True, key=once)
