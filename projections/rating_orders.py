"""Orders to rate sessions by another tariff, as they were given, and why one is not followed."""

from collections.abc import Collection
from dataclasses import dataclass

import orjson
from psycopg import Cursor
from psycopg.rows import TupleRow

from contracts.vat_ids import is_vat_id
from domain.catalogue.catalogue import Catalogue
from domain.catalogue.currencies import currencies_of
from domain.catalogue.orders import RatingOrder
from ledger.intake.catalogue import bank_calendar

# The orders, and of whom they are the contracts; nothing else of the catalogue.
_ORDERS = """
SELECT type, source, id, event_time, data FROM intake.catalogue
WHERE type = 'tariff.rerating_ordered' ORDER BY seq
"""
_OPERATORS = """
SELECT type, source, id, event_time, data FROM intake.catalogue
WHERE type IN ('operator.registered', 'operator.changed') AND surface.operator_of(data) = ANY (%s) ORDER BY seq
"""


@dataclass(frozen=True, slots=True)
class GivenOrder:
    """An order as it was given; `remark` tells why it is not followed, and is empty where it is."""

    operator_id: str
    order: RatingOrder
    remark: str


def given_orders(cursor: Cursor[TupleRow], operator_id: str | None = None) -> list[GivenOrder]:
    """The orders that were given, of one operator where one is named, in the order in which they take effect."""
    catalogue = Catalogue(calendars=bank_calendar, vat_ids=is_vat_id)
    _publish(catalogue, cursor.execute(_ORDERS).fetchall())
    names = [name for name in sorted(catalogue.orders) if operator_id in (None, name)]
    _publish(catalogue, cursor.execute(_OPERATORS, (names,)).fetchall())
    found: list[GivenOrder] = []
    for name in names:
        orders = sorted(catalogue.orders[name].by_id.values(), key=lambda each: each.sort_key)
        found += [GivenOrder(name, order, _remark(catalogue, name, order)) for order in orders]
    return found


def _publish(catalogue: Catalogue, rows: Collection[TupleRow]) -> None:
    for type_, source, id_, event_time, data in rows:
        catalogue.publish(type_, source, id_, event_time, orjson.loads(data))


def _remark(catalogue: Catalogue, operator_id: str, order: RatingOrder) -> str:
    if operator_id not in catalogue.operators:
        return "not followed: its operator is not known yet"
    currencies = currencies_of(catalogue, operator_id, (order.started_from, order.started_before))
    if order.published.currency not in currencies:
        return f"not followed: it is in {order.published.currency}, its operator in {', '.join(sorted(currencies))}"
    return "" if order.published.is_priceable else "not followed: the engine cannot price its tariff"
