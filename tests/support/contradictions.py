"""What was said is said again: the same twice, otherwise under the same id, or otherwise by another message.

An addition to any history. The values are such as a sender might mean: another amount, moment, name or choice, most
often at the very moment of the first, where only ids tell which of two counts.
"""

import copy
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, TypeAlias

from contracts.signatures import SIGNATURE
from tests.support.decisions import signed

Event: TypeAlias = dict[str, Any]
Place: TypeAlias = tuple[Any, ...]

_LIKELY_PERCENT = 12
# What names the thing that is spoken of: another one would be another thing, and no contradiction.
_NAMES = frozenset({"currency", "content_hash"})
_CHOICES: dict[str, tuple[Any, ...]] = {
    "funding": ("ADVANCE", "PAY_WHEN_PAID"),
    "fund_release": ("ON_SESSION", "ON_CAPTURE", "ON_SETTLEMENT"),
    "psp_fee_bearer": ("PLATFORM", "OPERATOR"),
    "borne_by": ("OPERATOR", "PLATFORM", "SHARED"),
    "outcome": ("WON", "LOST"),
    "verdict": ("BILL", "VOID"),
    "state": ("IDLE", "CHARGING"),
    "direction": ("CREDIT", "DEBIT"),
}


def contradictions(random: Random, events: list[Event], percent: int = _LIKELY_PERCENT) -> list[Event]:
    """What is said again of these messages, in no order; about `percent` of them are."""
    ways = (_twice, _otherwise_under_its_id, _otherwise, _by_another, _later)
    return [
        random.choice(ways)(random, event, f"{number}")
        for number, event in enumerate(events)
        if random.randrange(100) < percent
    ]


def _twice(_random: Random, event: Event, _number: str) -> Event:
    return event


def _otherwise_under_its_id(random: Random, event: Event, _number: str) -> Event:
    return _changed(random, event)


def _otherwise(random: Random, event: Event, number: str) -> Event:
    """Before or after the first by its id, at the same moment."""
    return _signed(_changed(random, event) | {"id": f"{random.choice(('!', '~'))}{event['id']}:{number}"})


def _by_another(random: Random, event: Event, _number: str) -> Event:
    """The same id by another source, which makes it another message."""
    changed = _changed(random, event) if random.randrange(2) else copy.deepcopy(event)
    return _signed(changed | {"source": random.choice(("!another", "~another"))})


def _later(random: Random, event: Event, number: str) -> Event:
    moment = datetime.fromisoformat(event["time"]) + timedelta(minutes=random.choice((-600, -1, 1, 5_000)))
    time = moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return _signed(_changed(random, event) | {"id": f"{event['id']}:later:{number}", "time": time})


def _signed(event: Event) -> Event:
    return signed(event) if SIGNATURE in event else event


def _changed(random: Random, event: Event) -> Event:
    """The same message with another value at one place of its data."""
    made = copy.deepcopy(event)
    places = [place for place in _places(made["data"]) if _other(random, place, _at(made["data"], place)) is not None]
    if places:
        *parents, last = place = random.choice(places)
        _at(made["data"], tuple(parents))[last] = _other(random, place, _at(made["data"], place))
    return made


def _places(node: Any, here: Place = ()) -> Iterator[Place]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for step, inner in children:
        if isinstance(inner, dict | list):
            yield from _places(inner, (*here, step))
        else:
            yield (*here, step)


def _at(node: Any, place: Place) -> Any:
    for step in place:
        node = node[step]
    return node


def _other(random: Random, place: Place, value: Any) -> Any:
    """Another value as good as this one; None where there is none."""
    name = str(place[-1])
    if name in _NAMES or name.endswith(("_id", "_ids", "country_code", "party_id")):
        return None
    if name in _CHOICES:
        return random.choice(_CHOICES[name])
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return not value if isinstance(value, bool) else None
    if isinstance(value, int | float):
        return max(0, value + random.choice((-100, -1, 1, 1_000)))
    return _other_text(random, value)


def _other_text(random: Random, value: str) -> str | None:
    for read, other in _READERS:
        try:
            return other(random, read(value))
        except (ValueError, ArithmeticError):
            continue
    return None


def _another_amount(random: Random, amount: Decimal) -> str:
    factor = random.choice((Decimal(2), Decimal("0.5"), Decimal(0)))
    return str((amount * factor).quantize(Decimal(1).scaleb(min(0, int(amount.as_tuple().exponent)))))


def _another_moment(random: Random, moment: datetime) -> str:
    other = moment + timedelta(minutes=random.choice((-1_440, -1, 1, 60, 3_000)))
    return other.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _moment(text: str) -> datetime:
    if "T" not in text:
        raise ValueError(text)
    return datetime.fromisoformat(text)


_READERS: tuple[tuple[Callable[[str], Any], Callable[[Random, Any], str]], ...] = (
    (Decimal, _another_amount),
    (_moment, _another_moment),
)
