"""What the audit's network may have besides: tariffs that partners were given, and orders to rate anew."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random
from typing import Any

from engine.clock import Clock
from engine.intake import Intake
from engine.ports import Record
from engine.working_set import WorkingSet
from tests.audit.network import BEGINNING, CURRENCY, DAYS, PRICES, TARIFFS, Event, _component, _event, _iso, _tariff
from tests.support.decisions import KEYRING


def tariff_of(operator_id: str, tariff_id: str, factor: float, **others: Any) -> Event:
    """The data of a published tariff at a multiple of the network's price."""
    price = round(float(PRICES[CURRENCY[operator_id]]) * factor, 4)
    return _tariff(operator_id, tariff_id, [{"price_components": [_component("ENERGY", price)]}], **others)


def partner_tariffs(random: Random) -> Iterator[Event]:
    """Some for each partner and operator, in time or late, of the network's ids or their own, some for a while."""
    for operator_id in ("OP-A", "OP-B", "OP-D"):
        for party in ("ABC", "XYZ"):
            for number in range(random.choice([0, 1, 1, 2, 3])):
                at = BEGINNING + timedelta(days=random.randrange(-1, 6), hours=number)
                tariff_id = random.choice([*TARIFFS[operator_id], "SPECIAL", "OTHER"])
                dates = _own_dates(random, at)
                data = tariff_of(operator_id, tariff_id, random.choice([0.5, 0.8, 1.3]), **dates)
                effective = at + timedelta(days=random.choice([-3, 0, 2]))
                data |= {"partner": f"DE-{party}", "effective_from": _iso(effective)}
                yield _event("tariff.published", f"{operator_id}-{party}-{number}", at, data)


def _own_dates(random: Random, at: datetime) -> dict[str, str]:
    """When the tariff says that it is valid: mostly always, else from some days on or up to some day."""
    name = random.choice(["", "", "start_date_time", "end_date_time"])
    return {name: _iso(at + timedelta(days=random.randrange(8), hours=1))} if name else {}


def order(
    operator_id: str,
    days: tuple[int, int],
    factor: float,
    ordered_day: float,
    sessions_of: str | None = None,
    **others: Any,
) -> Event:
    """An order about the sessions that started from one day to before another, at a multiple of the price."""
    at = BEGINNING + timedelta(days=ordered_day)
    data: Event = {
        "order_id": f"{operator_id}-{days[0]}-{days[1]}-{factor}-{ordered_day}-{sessions_of}",
        "operator_id": operator_id,
        "ordered_at": _iso(at),
        "started_from": _iso(BEGINNING + timedelta(days=days[0])),
        "started_before": _iso(BEGINNING + timedelta(days=days[1])),
        "tariff": tariff_of(operator_id, "ORDERED", factor, **others)["tariff"],
        "reason": "as agreed",
    }
    if sessions_of:
        data["sessions_of_tariff"] = sessions_of
    return _event("tariff.rerating_ordered", data["order_id"], at, data)


def orders(random: Random) -> Iterator[Event]:
    """Some for each operator, before and after the sessions end; one in a currency that its operator never had."""
    for operator_id in CURRENCY:
        for _ in range(random.choice([0, 1, 2, 3])):
            first = random.randrange(DAYS - 3)
            days = (first, first + random.randrange(1, 6))
            sessions_of = random.choice([None, None, *TARIFFS[operator_id]])
            when = random.choice([first + 0.5, DAYS - 2 + random.random(), DAYS - 1.5])
            yield order(operator_id, days, random.choice([0.4, 0.9, 1.5, 0.0]), when, sessions_of)
    yield order("OP-A", (0, DAYS), 0.1, DAYS - 1, currency="USD")


def give(dsn: str, given: Event) -> None:
    """Take an order in by itself, and let the clock run to the end of the history."""
    home = ("orders", 0)
    intake, hands = Intake(WorkingSet.of(dsn, decision_keys=KEYRING)), Clock(dsn)
    try:
        claim = intake.claim([home])[home]
        value = json.dumps(given).encode()
        intake.process([Record(*home, claim.next_offset or 0, None, value)], {home: claim.epoch})
        hands.advance(BEGINNING + timedelta(days=DAYS))
    finally:
        intake.close()
        hands.close()
