"""Calendars of the days on which banks are closed, by name: `TARGET`, a country (`NL`), a part of one (`DE-BY`), and
those of the operator of the engine (`WATTLEDGER_HOLIDAY_FILE`).

The days come from the library `holidays`. A file of our own corrects them, since a bank is closed on days that no
library knows, and adds calendars:
`{"TARGET": {"closed": ["2026-12-24"]}, "OUR-BANK": {"like": "DE-HE", "open": ["2026-10-03"]}}`.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

TARGET = "TARGET"
# What the library calls TARGET: the market (ISO 10383) of the European Central Bank.
_TARGET_MARKET = "XECB"
_SATURDAY_AND_SUNDAY = frozenset({5, 6})
# Countries that have most of their bank holidays by parts only: the part whose days those of their clearing are.
_CLEARING_PART = {"AU": "NSW", "CA": "ON", "CH": "ZH", "GB": "ENG"}
_COUNTRY = re.compile(r"([A-Z]{2})(?:-([A-Za-z0-9]{1,16}))?")


class CalendarOverride(BaseModel):
    """What a file says of one calendar: days closed or open besides, and the calendar that a new one is `like`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    like: str | None = None
    closed: frozenset[date] = frozenset()
    open: frozenset[date] = frozenset()


@dataclass(frozen=True, slots=True)
class HolidayCalendar:
    """The days on which banks are closed; `weekend` are weekdays from Monday, 0; `version`: whose days they are."""

    name: str
    version: str
    weekend: frozenset[int]
    closed_in: Callable[[int], frozenset[date]] = field(compare=False)


@dataclass(slots=True)
class _Overrides:
    by_name: Mapping[str, CalendarOverride] = field(default_factory=dict)
    version: str = ""


_overrides = _Overrides()


def use_overrides(path: Path | None) -> None:
    """Correct the calendars of this process by a file; None: by none.

    Raises ValueError, with a sentence that says what is wrong, when it cannot be read or used.
    """
    _overrides.by_name, _overrides.version = _read(path) if path is not None else ({}, "")
    holiday_calendar.cache_clear()


def _read(path: Path) -> tuple[dict[str, CalendarOverride], str]:
    try:
        content = path.read_bytes()
        given = orjson.loads(content)
        found = {name: CalendarOverride.model_validate(value) for name, value in dict(given).items()}
    except OSError as error:
        raise ValueError(f"names {path}, which cannot be read: {error.strerror}") from None
    except ValidationError as error:
        raise ValueError(f"names {path}, where {_place(error)}") from None
    except (ValueError, TypeError):
        raise ValueError(f"names {path}, which is no JSON object of calendars") from None
    for name, override in found.items():
        base = override.like or name
        if _days_of(base) is None and (override.like or not _NEW_NAME.fullmatch(name)):
            raise ValueError(f"names {path}, where {name} is like {base}, a calendar that is not known")
    return found, hashlib.sha256(content).hexdigest()[:12]


_NEW_NAME = re.compile(r"[!-~]{1,64}")


def _place(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


@lru_cache(maxsize=256)
def holiday_calendar(name: str) -> HolidayCalendar | None:
    """The calendar of that name; None when there is none."""
    override = _overrides.by_name.get(name)
    found = _days_of((override.like if override else None) or name)
    if found is None and override is None:
        return None
    weekend, days = found or (_SATURDAY_AND_SUNDAY, _no_days)
    source = _library_version() if found else "own"
    if override is None:
        return HolidayCalendar(name, source, weekend, lru_cache(maxsize=64)(days))

    def corrected(year: int) -> frozenset[date]:
        return (days(year) | {day for day in override.closed if day.year == year}) - override.open

    return HolidayCalendar(name, f"{source}, file {_overrides.version}", weekend, lru_cache(maxsize=64)(corrected))


def _no_days(_year: int) -> frozenset[date]:
    return frozenset()


def _library_version() -> str:
    return f"holidays {version('holidays')}"


def _days_of(name: str) -> tuple[frozenset[int], Callable[[int], frozenset[date]]] | None:
    """Weekend and closing days of a calendar of the library's; None when it has none of that name."""
    import holidays  # Imported here: it takes half a second, and most processes ask for no calendar.

    if name == TARGET:
        return _SATURDAY_AND_SUNDAY, lambda year: frozenset(holidays.financial_holidays(_TARGET_MARKET, years=year))
    parts = _COUNTRY.fullmatch(name)
    if parts is None:
        return None
    country, part = parts[1], parts[2] or _CLEARING_PART.get(parts[1])
    try:
        first: Any = holidays.country_holidays(country, subdiv=part)
    except NotImplementedError:
        return None
    # Of all kinds only those on which banks are closed: schools and offices may be closed on others.
    kinds = tuple(kind for kind in ("public", "bank") if kind in first.supported_categories)

    def days(year: int) -> frozenset[date]:
        return frozenset(holidays.country_holidays(country, subdiv=part, years=year, categories=kinds, expand=False))

    return frozenset(first.weekend), days
