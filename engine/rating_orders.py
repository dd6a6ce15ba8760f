"""Orders to rate sessions anew, made of what somebody wants and checked as they are on arrival."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from contracts.decode import Message, decode_event
from domain.calendar import utc_text
from domain.catalogue.catalogue import Catalogue
from domain.catalogue.currencies import currencies_of
from domain.catalogue.parties import Operator
from domain.tariff.published import PublishedTariff, tariff_hash, told_taxes
from domain.tariff.taxes import Tax
from engine.errors import OrderRefused
from engine.what_if import Order

TYPE = "tariff.rerating_ordered"
_WHAT_IF = "what if"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Sessions of an operator that started in a span of time, and the tariff and taxes that they are to be rated by.

    It takes effect at `ordered_at`. `sessions_of` is the tariff that they name, where only those are meant. Without a
    `reason` it is only asked what if.
    """

    operator_id: str
    started_from: datetime
    started_before: datetime
    tariff: Mapping[str, Any]
    taxes: tuple[Tax, ...]
    ordered_at: datetime
    sessions_of: str | None = None
    reason: str | None = None


def known_operator(catalogue: Catalogue, operator_id: str, at: datetime) -> Operator:
    """An operator's contract at a moment, or its first. Raises OrderRefused for one that is not known."""
    versions = catalogue.operators.get(operator_id)
    if versions is None:
        raise OrderRefused(f"no operator {operator_id!r} is known; ids are those of operator.registered")
    return versions.at(at) or versions.timeline[0][1].value


def latest_tariff(catalogue: Catalogue, operator_id: str, tariff_id: str) -> PublishedTariff | None:
    """The version of a tariff for everybody that was published last."""
    versions = catalogue.tariffs.get((operator_id, tariff_id.casefold()))
    return versions.latest() if versions else None


def made_order(catalogue: Catalogue, wanted: Wanted, source: str, order_id: str | None = None) -> Order:
    """The order as its message tells it. Raises OrderRefused where it would be refused, or change nothing.

    Without an `order_id` the same is one order, so that giving it again is a duplicate.
    """
    span = (wanted.started_from, wanted.started_before)
    if wanted.started_before <= wanted.started_from:
        raise OrderRefused("no session can start in that span of time; name a later end")
    known_operator(catalogue, wanted.operator_id, wanted.ordered_at)
    currencies = currencies_of(catalogue, wanted.operator_id, span)
    if wanted.tariff.get("currency") not in currencies:
        raise OrderRefused(
            f"the tariff is in {wanted.tariff.get('currency')}, {wanted.operator_id} in "
            f"{', '.join(sorted(currencies))}; name a tariff in the operator's currency"
        )
    event = _event(wanted, source, order_id)
    found = decode_event(event)
    if not isinstance(found, Message):
        raise OrderRefused(f"the order would be refused: {found.path}: {found.sentence}")
    return Order(found.source, found.id, found.time, found.data)


def order_event(order: Order) -> dict[str, Any]:
    """The CloudEvent of an order."""
    return envelope(order.source, order.id, utc_text(order.time), order.data)


def envelope(source: str, order_id: str, time: Any, data: Mapping[str, Any]) -> dict[str, Any]:
    """The CloudEvent of an order, of its parts."""
    return {
        "specversion": "1.0",
        "id": order_id,
        "source": source,
        "type": TYPE,
        "subject": data["operator_id"],
        "time": time,
        "data": dict(data),
    }


def _event(wanted: Wanted, source: str, order_id: str | None) -> dict[str, Any]:
    stated: dict[str, str | None] = {
        "operator_id": wanted.operator_id,
        "ordered_at": utc_text(wanted.ordered_at),
        "started_from": utc_text(wanted.started_from),
        "started_before": utc_text(wanted.started_before),
        "sessions_of_tariff": wanted.sessions_of,
    }
    name = ":".join([*(part or "" for part in stated.values()), tariff_hash(wanted.tariff, wanted.taxes)])
    id_ = order_id or str(uuid5(NAMESPACE_URL, f"wattledger:rerating:{name}"))
    data: dict[str, Any] = {"order_id": id_} | {key: each for key, each in stated.items() if each is not None}
    data |= {"tariff": wanted.tariff, "reason": wanted.reason or _WHAT_IF}
    if wanted.taxes:
        data["taxes"] = told_taxes(wanted.taxes)
    return envelope(source, id_, stated["ordered_at"], data)
