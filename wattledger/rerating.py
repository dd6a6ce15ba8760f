"""Orders to rate anew: made of days and a tariff that people name, checked as on arrival, and given through Kafka."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import orjson

from consumers.publisher import Outgoing
from contracts.decode import Message, decode_event
from contracts.messages import CATALOGUE_TOPIC, stream_of
from domain.calendar import opens_at, utc_text
from domain.catalogue.catalogue import Catalogue
from domain.catalogue.orders import RatingOrder
from domain.catalogue.parties import Operator
from domain.tariff.published import tariff_hash, told_taxes
from domain.tariff.taxes import Tax
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
TYPE = "tariff.rerating_ordered"
_WHAT_IF = "what if"
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
    _check_currency(catalogue, wish.operator_id, (started_from, started_before), document)
    stated: dict[str, str | None] = {
        "operator_id": wish.operator_id,
        "ordered_at": utc_text(wish.ordered_at),
        "started_from": utc_text(started_from),
        "started_before": utc_text(started_before),
        "sessions_of_tariff": wish.sessions_of,
    }
    name = ":".join([*(part or "" for part in stated.values()), tariff_hash(document, taxes)])
    order_id = str(uuid5(NAMESPACE_URL, f"wattledger:rerating:{name}"))
    data: dict[str, Any] = {"order_id": order_id} | {key: each for key, each in stated.items() if each is not None}
    data |= {"tariff": document, "reason": wish.reason or _WHAT_IF}
    if taxes:
        data["taxes"] = told_taxes(taxes)
    found = decode_event(envelope(order_id, stated["ordered_at"], data))
    if not isinstance(found, Message):
        raise ApplicationError(f"the order would be refused: {found.path}: {found.sentence}")
    return Order(found.source, found.id, found.time, found.data)


def envelope(order_id: str, time: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """The CloudEvent of an order; the same order has the same id, so that giving it again is a duplicate."""
    return {
        "specversion": "1.0",
        "id": order_id,
        "source": SOURCE,
        "type": TYPE,
        "subject": data["operator_id"],
        "time": time,
        "data": dict(data),
    }


def _catalogue(dsn: str) -> Catalogue:
    known = KnownCatalogue()
    with connect(dsn, Role.AUDITOR) as connection, connection.cursor() as cursor:
        known.read(cursor)
    return known.catalogue


def _operator(catalogue: Catalogue, wish: Wish) -> Operator:
    versions = catalogue.operators.get(wish.operator_id)
    if versions is None:
        raise ApplicationError(f"no operator {wish.operator_id!r} is known; ids are those of operator.registered")
    return versions.at(wish.ordered_at) or versions.timeline[0][1].value


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


def _check_currency(
    catalogue: Catalogue, operator_id: str, started: tuple[datetime, datetime], document: Mapping[str, Any]
) -> None:
    """An order in a currency that the operator did not have then would change nothing."""
    currencies = _currencies(catalogue, operator_id, started)
    if document.get("currency") not in currencies:
        raise ApplicationError(
            f"the tariff is in {document.get('currency')}, {operator_id} in {', '.join(sorted(currencies))}; "
            "name a tariff in the operator's currency"
        )


def _currencies(catalogue: Catalogue, operator_id: str, started: tuple[datetime, datetime]) -> set[str]:
    """Those that an operator had in a span of time; the first that it has where it had no contract yet."""
    versions = catalogue.operators[operator_id]
    ruling = versions.at(started[0])
    later = [version.value for start, version in versions.timeline if started[0] < start < started[1]]
    found = {each.currency for each in (ruling, *later) if each is not None}
    return found or {versions.timeline[0][1].value.currency}


def give(store: Store, crew: Crew, order: Order, on_progress: OnProgress) -> None:
    """Publish the order and take it in; raises ApplicationError where another one has its id already."""
    event = envelope(order.id, utc_text(order.time), order.data)
    key = str(order.data["operator_id"]).encode()
    publish_records(store, [Outgoing(CATALOGUE_TOPIC, key, orjson.dumps(event))])
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


@dataclass(frozen=True, slots=True)
class GivenOrder:
    """An order as it was given; `remark` tells why it is not followed, and is empty where it is."""

    operator_id: str
    order: RatingOrder
    remark: str


def given_orders(dsn: str, operator_id: str | None) -> list[GivenOrder]:
    """The orders that were given, of one operator where one is named, in the order in which they take effect."""
    catalogue = _catalogue(dsn)
    found: list[GivenOrder] = []
    for name in sorted(catalogue.orders):
        if operator_id in (None, name):
            orders = sorted(catalogue.orders[name].by_id.values(), key=lambda each: each.sort_key)
            found += [GivenOrder(name, order, _remark(catalogue, name, order)) for order in orders]
    return found


def _remark(catalogue: Catalogue, operator_id: str, order: RatingOrder) -> str:
    if operator_id not in catalogue.operators:
        return "not followed: its operator is not known yet"
    currencies = _currencies(catalogue, operator_id, (order.started_from, order.started_before))
    if order.published.currency not in currencies:
        return f"not followed: it is in {order.published.currency}, its operator in {', '.join(sorted(currencies))}"
    return "" if order.published.is_priceable else "not followed: the engine cannot price its tariff"
