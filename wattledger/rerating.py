"""Orders to rate anew: made of days and a tariff that people name, checked as on arrival, and given through Kafka."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any

from consumers.publisher import Outgoing
from contracts.messages import stream_of
from domain.calendar import opens_at
from domain.catalogue.catalogue import Catalogue
from domain.catalogue.parties import Operator
from domain.tariff.taxes import Tax
from engine import rating_orders
from engine.errors import OrderRefused
from engine.rating_orders import TYPE, Wanted, known_operator, made_order, order_event
from engine.what_if import Order
from ledger.database import Role, connect
from ledger.events.codec import decode
from ledger.events.store import read_streams
from ledger.intake.catalogue import KnownCatalogue
from wattledger.crew import Crew, OnProgress
from wattledger.errors import ApplicationError
from wattledger.named_tariff import named_tariff
from wattledger.store import Store
from wattledger.verbs import publish_records, take_in

SOURCE = "urn:wattledger:rerate"
_MIDNIGHT = time()


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to be rated anew; `since` and `until` are local days, both whole, or moments.

    Of moments, the sessions are meant that started from `since` on and before `until`.
    It takes effect at `ordered_at`, or where a day `on` is named at its end where the operator is.
    `tariff` names a published tariff of the operator or a file, and `taxes`, where there are some, are in place of
    those that belong to it (see `named_tariff`). Without a `reason` it is only asked what if.
    """

    operator_id: str
    since: date | datetime
    until: date | datetime
    tariff: str
    sessions_of: str | None
    ordered_at: datetime
    reason: str | None = None
    taxes: tuple[Tax, ...] = ()
    on: date | None = None


def order_of(store: Store, wish: Wish) -> Order:
    """The order as its message tells it, checked as on arrival; raises ApplicationError when it cannot be given."""
    catalogue = _catalogue(store.dsn)
    operator = _operator(catalogue, wish)
    wish = _dated(wish, operator)
    started_from, started_before = _range(operator, wish)
    document, taxes = named_tariff(catalogue, wish.operator_id, wish.tariff, wish.taxes)
    wanted = Wanted(
        *(wish.operator_id, started_from, started_before, document, taxes, wish.ordered_at),
        sessions_of=wish.sessions_of,
        reason=wish.reason,
    )
    try:
        return made_order(catalogue, wanted, SOURCE)
    except OrderRefused as refused:
        raise ApplicationError(str(refused)) from refused


def envelope(order_id: str, time: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """The CloudEvent of an order; the same order has the same id, so that giving it again is a duplicate."""
    return rating_orders.envelope(SOURCE, order_id, time, data)


def _catalogue(dsn: str) -> Catalogue:
    known = KnownCatalogue()
    with connect(dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        known.read(cursor)
    return known.catalogue


def _operator(catalogue: Catalogue, wish: Wish) -> Operator:
    try:
        return known_operator(catalogue, wish.operator_id, wish.ordered_at)
    except OrderRefused as refused:
        raise ApplicationError(str(refused)) from refused


def _dated(wish: Wish, operator: Operator) -> Wish:
    """The wish with its moment; raises ApplicationError for a day that is not over yet."""
    if wish.on is None:
        return wish
    ends_at = opens_at(wish.on + timedelta(days=1), operator.time_zone, _MIDNIGHT) - timedelta(microseconds=1)
    if ends_at > wish.ordered_at:
        raise ApplicationError(
            f"{wish.on} is not over yet in {operator.time_zone.key}, and an order cannot take effect later than now; "
            "name an earlier --at, or none"
        )
    return replace(wish, ordered_at=ends_at, on=None)


def _range(operator: Operator, wish: Wish) -> tuple[datetime, datetime]:
    """From the first moment that is meant to the first that is not: days are those of the operator's time zone."""
    zone = operator.time_zone
    since, until = wish.since, wish.until
    first = since if isinstance(since, datetime) else opens_at(since, zone, _MIDNIGHT)
    last = until if isinstance(until, datetime) else opens_at(until + timedelta(days=1), zone, _MIDNIGHT)
    if last <= first:
        raise ApplicationError(f"no session can start from {since} to {until}; name a later --to")
    return first, last


def give(store: Store, crew: Crew, order: Order, on_progress: OnProgress) -> None:
    """Publish the order and take it in; raises ApplicationError where another one has its id already."""
    event = order_event(order)
    publish_records(store, [Outgoing.of_event(event)])
    take_in(crew, on_progress)
    reason = _given_reason(store.dsn, order)
    if reason is None:
        raise ApplicationError(
            f"order {order.data['order_id']} was published and not taken in; see 'wattledger deadletter list'"
        )
    if reason != order.data["reason"]:
        raise ApplicationError(
            f"order {order.data['order_id']} was given before with another reason ({reason}), and stands as it was "
            "given; give it another --at if it is another order"
        )


def _given_reason(dsn: str, order: Order) -> str | None:
    """Why the order was given that is stored under this id."""
    stream_id = stream_of(TYPE, order.data)
    with connect(dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        stored = read_streams(cursor, [stream_id])[stream_id]
    return next((decode(each.topic, each.state).data["reason"] for each in stored), None)
