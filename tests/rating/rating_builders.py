"""Builders for the tests of the rating engine: tariffs, periods and sessions in few words."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, settings

from domain.charging import ChargingPeriod, Phase
from domain.document import as_part
from domain.rating.periods import split
from domain.rating.pricing import price
from domain.rating.rating import Price, Rating
from domain.tariff.reading import restrictions
from domain.tariff.restrictions import contradict
from domain.tariff.tariff import Tariff

# Tariffs with sessions take a while to be drawn, and machines that test are busy.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
MORNING = datetime(2024, 3, 5, 9, tzinfo=UTC)  # A Tuesday, 10:00 in Amsterdam.
CHARGING, IDLE, RESERVED = Phase.CHARGING, Phase.IDLE, Phase.RESERVED


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def component(kind: str, amount: Any, vat: Any = None, step: int = 1) -> dict[str, Any]:
    found = {"type": kind, "price": amount, "step_size": step}
    return found if vat is None else {**found, "vat": vat}


def element(*components: dict[str, Any], **conditions: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"price_components": list(components)}
    return {**found, "restrictions": conditions} if conditions else found


def some_can_apply(elements: Sequence[dict[str, Any]]) -> bool:
    """Whether an element of a document has restrictions that do not contradict each other."""
    conditions = [as_part(each.get("restrictions", {}), "restrictions") for each in elements]
    return not all(contradict(restrictions(each)) for each in conditions)


def document(*elements: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {
        "country_code": "NL",
        "party_id": "TST",
        "id": "T-1",
        "currency": "EUR",
        "elements": list(elements),
        "last_updated": "2024-01-01T00:00:00Z",
        **fields,
    }


def tariff(*elements: dict[str, Any], **fields: Any) -> Tariff:
    return Tariff.from_ocpi(document(*elements, **fields))


def period(minutes: float, wh: int = 0, phase: Phase = CHARGING, start: datetime = MORNING, **levels: Any) -> Any:
    levels = {name: Fraction(value) for name, value in levels.items()}
    metered = phase is not RESERVED
    return ChargingPeriod(start, start + timedelta(minutes=minutes), phase, Fraction(wh), **levels, metered=metered)


def row(*stretches: tuple[float, int, Phase], start: datetime = MORNING) -> list[ChargingPeriod]:
    """Periods one after the other, each (minutes, Wh, phase)."""
    periods: list[ChargingPeriod] = []
    for minutes, wh, phase in stretches:
        periods.append(period(minutes, wh, phase, periods[-1].end if periods else start))
    return periods


def rated(terms: Tariff, periods: Sequence[ChargingPeriod]) -> Rating:
    return price(terms, periods, AMSTERDAM)


def session(
    terms: Tariff, start: datetime, end: datetime, wh: int, zone: ZoneInfo = AMSTERDAM, **facts: Any
) -> tuple[ChargingPeriod, ...]:
    """A raw session, split: start and stop register, and what else is given."""
    registers = facts.pop("registers", [(start, Fraction(0)), (end, Fraction(wh))])
    return split(tariff=terms, time_zone=zone, started_at=start, ended_at=end, registers=registers, **facts)


def costs(amount: Price | None) -> tuple[Fraction, Fraction]:
    assert amount is not None
    return amount.excl_vat, amount.incl_vat


def money(excl_vat: str, incl_vat: str) -> tuple[Fraction, Fraction]:
    return Fraction(excl_vat), Fraction(incl_vat)
