"""Builders of catalogue events: tariffs that a partner was given, and orders to rate anew."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from domain.catalogue.catalogue import Catalogue
from tests.domain.builders import OPERATOR, PARTNER, at, tariff


class Told(NamedTuple):
    """A catalogue event: its type, id, time and data."""

    type: str
    id: str
    time: str
    data: Mapping[str, Any]


def given(
    price: str,
    time: str,
    *,
    tariff_id: str = "T",
    effective: str | None = None,
    partner: str = PARTNER,
    **fields: Any,
) -> Told:
    """A tariff that the partner was given at a time of March 2026 (`02 10:00`), in effect from `effective`."""
    data = tariff(price, id=tariff_id, **fields)
    data |= {"effective_from": f"{at(effective or time):%Y-%m-%dT%H:%M:%SZ}", "partner": partner}
    return Told("tariff.published", f"{partner} {tariff_id} {time} {price}", time, data)


def offered(price: str, time: str, *, tariff_id: str = "T", effective: str | None = None, **fields: Any) -> Told:
    """A tariff for everybody."""
    data = tariff(price, id=tariff_id, **fields) | {"effective_from": f"{at(effective or time):%Y-%m-%dT%H:%M:%SZ}"}
    return Told("tariff.published", f"{tariff_id} {time} {price}", time, data)


def ordered(
    when: str,
    price: str,
    since: str = "01 00:00",
    before: str = "09 00:00",
    *,
    order_id: str | None = None,
    sessions_of: str | None = None,
    told: str | None = None,
    **fields: Any,
) -> Told:
    """An order of `when` to rate the sessions that started from `since` and before `before` by another price."""
    name = order_id or f"{when} {price} {since} {before} {sessions_of}"
    data = {
        "order_id": name,
        "operator_id": OPERATOR,
        "ordered_at": f"{at(when):%Y-%m-%dT%H:%M:%SZ}",
        "started_from": f"{at(since):%Y-%m-%dT%H:%M:%SZ}",
        "started_before": f"{at(before):%Y-%m-%dT%H:%M:%SZ}",
        "sessions_of_tariff": sessions_of,
        "tariff": tariff(price, **fields)["tariff"],
        "reason": "as agreed",
    }
    return Told("tariff.rerating_ordered", f"order {name} {when} {price}", told or when, data)


def publish(known: Catalogue, events: Iterable[Told]) -> Catalogue:
    """The catalogue after these events, in this order."""
    for each in events:
        known.publish(each.type, "b", each.id, at(each.time), each.data)
    return known
