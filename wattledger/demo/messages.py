"""CloudEvents as the demo's gateways, providers, partners and banks write them."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import orjson

from domain.money import format_minor

Event: TypeAlias = dict[str, Any]

# The first day of the network: a Wednesday, eleven days before Europe's clocks go forward.
FIRST_DAY = datetime(2026, 3, 18, tzinfo=UTC)
ONE_DAY = timedelta(days=1)

BACK_OFFICE, ROAMING_HUB, BANK = "urn:demo:backoffice", "urn:demo:roaming-hub", "urn:demo:bank"


def stamp(moment: datetime) -> str:
    """RFC 3339 text in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def money(amount_minor: int, currency: str) -> dict[str, str]:
    """An amount as the contract writes it."""
    return {"amount": format_minor(amount_minor, currency), "currency": currency}


def event(type_: str, source: str, subject: str, at: datetime, data: Mapping[str, Any], key: str = "") -> Event:
    """A structured CloudEvent; `key` tells events of one type and subject apart."""
    name = f"{type_}:{subject}:{key}" if key else f"{type_}:{subject}"
    return {
        "specversion": "1.0",
        "id": name,
        "source": source,
        "type": type_,
        "subject": subject,
        "time": stamp(at),
        "data": dict(data),
    }


def line(each: Event) -> bytes:
    """One line of a file of events, without its line end."""
    return orjson.dumps(each)
