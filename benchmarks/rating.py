"""Measures rating alone: prices of charging periods, and bills of sessions from their facts."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from benchmarks.figures import Figure, figures
from benchmarks.stage import MESSAGES_PER_SESSION, OPERATORS, Stage
from contracts.messages import MESSAGE_TYPES, Kind
from domain.calendar import instant
from domain.catalogue.catalogue import Catalogue
from domain.charging import ChargingPeriod, Phase
from domain.rating.pricing import price
from domain.session.assessment import assess
from domain.session.facts import parse_fact
from domain.session.session import Session
from domain.tariff.tariff import Tariff
from wattledger.demo.load import load

_ZONE = ZoneInfo("Europe/Amsterdam")
_MORNING = datetime(2026, 3, 18, 6, tzinfo=UTC)
_ELEMENTS, _PERIODS = 10, 20
_SESSIONS = 500
_SECONDS, _SECONDS_OF_A_SMALL_RUN, _SMALL = 1.5, 0.2, 50_000


def measure(stage: Stage, rounds: int, report: Callable[[str], None]) -> list[Figure]:
    """Prices and bills a second, in one process and without a database."""
    subjects: dict[str, Callable[[], int]] = {
        "plain energy tariff, one period": _pricing(_plain(), _periods(1)),
        f"{_ELEMENTS} elements, {_PERIODS} periods": _pricing(_by_the_hour(), _periods(_PERIODS)),
        f"bill of a session from its {MESSAGES_PER_SESSION - 1} facts": _billing(),
    }
    seconds = _SECONDS_OF_A_SMALL_RUN if stage.wanted < _SMALL else _SECONDS
    return figures(
        "prices/s", [[(name, _speed(act, seconds)) for name, act in subjects.items()] for _ in range(rounds)]
    )


def _speed(act: Callable[[], int], seconds: float) -> float:
    """How many prices an act makes a second; it says how many each call made."""
    act()
    made, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        made += act()
    return made / (time.perf_counter() - began)


def _pricing(tariff: Tariff, periods: Sequence[ChargingPeriod]) -> Callable[[], int]:
    def act() -> int:
        for _ in range(100):
            price(tariff, periods, _ZONE)
        return 100

    return act


def _billing() -> Callable[[], int]:
    catalogue, found = Catalogue(), dict[str, Session]()
    for _, _, value in load(_SESSIONS, MESSAGES_PER_SESSION, operators=OPERATORS):
        event = orjson.loads(value)
        type_, data = event["type"], event["data"]
        if MESSAGE_TYPES[type_].kind is Kind.CATALOGUE:
            catalogue.publish(type_, event["source"], event["id"], instant(event["time"]), data)
        else:
            session_id = data["session_id"]
            fact = parse_fact(type_, data, event["source"], event["id"])
            found.setdefault(session_id, Session(session_id)).learn(fact)
    meters = [session.meter for session in found.values()]

    def act() -> int:
        for meter in meters:
            if not assess(meter, catalogue).changes:
                raise ValueError("a session of the load has no bill: mend the load before measuring")
        return len(meters)

    return act


def _tariff(elements: list[dict[str, Any]]) -> Tariff:
    document = {
        "country_code": "NL",
        "party_id": "WDN",
        "id": "MEASURED",
        "currency": "EUR",
        "elements": elements,
        "last_updated": "2026-01-01T00:00:00Z",
    }
    return Tariff.from_ocpi(document)


def _component(type_: str, amount: float, step_size: int) -> dict[str, Any]:
    return {"type": type_, "price": amount, "vat": 21, "step_size": step_size}


def _plain() -> Tariff:
    return _tariff([{"price_components": [_component("ENERGY", 0.4, 1)]}])


def _by_the_hour() -> Tariff:
    """Nine elements for hours, days and energy bands, the last for all other times; each prices three things."""
    elements = []
    for number in range(_ELEMENTS):
        element: dict[str, Any] = {
            "price_components": [
                _component("ENERGY", 0.3 + number / 100, 100),
                _component("TIME", 1.2, 60),
                _component("PARKING_TIME", 2.5, 300),
            ]
        }
        if number < _ELEMENTS - 1:
            hours = {"start_time": f"{2 * number:02d}:00", "end_time": f"{2 * number + 2:02d}:00"}
            element["restrictions"] = hours | {"day_of_week": ["WEDNESDAY"]} | {"min_kwh": number}
        elements.append(element)
    return _tariff(elements)


def _periods(count: int) -> list[ChargingPeriod]:
    """Quarters of an hour in which 2.5 kWh were charged, the last fifth of them idle."""
    made = []
    for number in range(count):
        start = _MORNING + timedelta(minutes=15 * number)
        idle = number >= 4 * count / 5
        energy_wh = Fraction(0 if idle else 2500)
        made.append(
            ChargingPeriod(start, start + timedelta(minutes=15), Phase.IDLE if idle else Phase.CHARGING, energy_wh)
        )
    return made
