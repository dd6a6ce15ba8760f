"""A notice as a mail: subject and text in the reader's language, zone and form of numbers, and how to end it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from urllib.parse import quote

from babel import Locale

from api.outward.letters import Letter, plain
from api.outward.phrases import ENGLISH, language_of, phrase
from api.pages.format import DEFAULT_LOCALE, Reader, locale_of
from domain.calendar import instant, zone
from ledger.access.notices import DIGEST_TYPE, DueNotice

_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d")
_DECIMAL: Final = re.compile(r"-?\d{1,30}(\.\d{1,12})?")
# Decimal texts that are money beside a `currency`, and those that are numbers by the unit that their names end in.
_AMOUNTS: Final = frozenset(
    {
        *("amount", "balance", "captured", "earned", "gross", "lowest", "minimum", "net", "paid", "settled", "total"),
    }
)
_UNITS: Final = ("_a", "_days", "_h", "_kw", "_kwh", "_percent", "_s", "_w", "_wh")
# Where what a field names is looked at.
_PAGES: Final = {"payout_id": "/payouts/", "session_id": "/sessions/"}
# What the subject names, the first of them that there is.
_NAMED: Final = ("evse_uid", "location_id", "payout_id", "session_id", "subscription_id")
# What stands in the head of the text, or is the text.
_NOT_LISTED: Final = ("currency", "operator_id")
_FIRST: Final = ("type", "currency", "evse_uid", "location_id", "payout_id", "session_id", "amount", "subject")
_LINES_MAX, _DEPTH_MAX = 400, 4
_MONEY: Final = frozenset({"amount", "currency"})


@dataclass(frozen=True, slots=True)
class Desk:
    """Who writes: `platform_name` whose notices these are, `public_url` where its pages are."""

    platform_name: str
    public_url: str


def letter_of(due: DueNotice, desk: Desk, unsubscribe_url: str) -> Letter:
    """The mail of a notice; what others wrote stands in it as one line of text each."""
    language = language_of(due.language, due.country)
    reader = Reader(_locale(language, due.country), zone(due.zone))
    title = phrase(language, f"type:{due.type}")
    if due.is_end:
        title = phrase(language, "resolved", what=title)
    if due.type == DIGEST_TYPE and isinstance(due.data.get("notices"), int):
        title = f"{title}: {phrase(language, 'notices', count=due.data['notices'])}"
    operator = plain(due.operator_name, 80)
    named = next((plain(due.data[each], 60) for each in _NAMED if due.data.get(each)), None)
    subject = " · ".join(each for each in (title, named, operator) if each)
    text = "\n".join(_lines(due, desk, reader, language, title, operator, unsubscribe_url))
    return Letter(str(due.notice_id), due.target, subject, f"{text}\n", language, unsubscribe_url)


def _lines(
    due: DueNotice, desk: Desk, reader: Reader, language: str, title: str, operator: str, unsubscribe_url: str
) -> Iterator[str]:
    yield title
    yield ""
    if isinstance(due.data.get("sentence"), str):
        yield plain(due.data["sentence"])
        yield ""
    when = f"{reader.time_text(due.occurred_at)} ({reader.zone.key})"
    head = {"operator": operator, "occurred_at": when, "severity": phrase(language, f"severity:{due.severity}")}
    for name, text in head.items():
        yield f"{phrase(language, f'field:{name}')}: {text}"
    told = {name: found for name, found in due.data.items() if name != "sentence"}
    listed = [*_fields(told, reader, language, 0)]
    yield from listed[:_LINES_MAX]
    if len(listed) > _LINES_MAX:
        yield phrase(language, "more", count=len(listed) - _LINES_MAX)
    known = {path: quote(str(due.data[each]), safe="") for each, path in _PAGES.items() if due.data.get(each)}
    links = [f"{desk.public_url}{path}{id_}" for path, id_ in known.items()]
    if links:
        yield from ("", phrase(language, "see"), *links)
    yield from ("", "-- ", plain(desk.platform_name, 80))
    yield phrase(language, "footer", subscription=plain(due.subscription_id, 64), operator=operator)
    yield from (phrase(language, "unsubscribe"), unsubscribe_url)


def _fields(data: Mapping[str, Any], reader: Reader, language: str, depth: int) -> Iterator[str]:
    """The fields of an object, one a line, what is within others further to the right."""
    indent, currency = "  " * depth, data.get("currency")
    # The database keeps no order of fields: what one thing is comes before what is said of it.
    for name, found in sorted(data.items(), key=lambda field: _FIRST.index(field[0]) if field[0] in _FIRST else 99):
        if found is None or found in ([], {}) or name in _NOT_LISTED:
            continue
        label = plain(phrase(language, f"field:{name}"), 60)
        if _is_nested(found):
            yield f"{indent}{label}:"
            yield from _within(found, reader, language, depth + 1)
        else:
            yield f"{indent}{label}: {_shown(name, found, currency, reader)}"


def _within(found: Any, reader: Reader, language: str, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if depth > _DEPTH_MAX:
        yield f"{indent}…"
    elif isinstance(found, Mapping):
        yield from _fields(found, reader, language, depth)
    else:
        for one in found:
            fields = one if isinstance(one, Mapping) else {"": one}
            flat = {name: each for name, each in fields.items() if not _is_nested(each)}
            parts = (each.strip().removeprefix(": ") for each in _fields(flat, reader, language, 0))
            yield f"{indent}- {', '.join(parts)}"
            nested = {name: each for name, each in fields.items() if name not in flat}
            yield from _fields(nested, reader, language, depth + 1)


def _is_nested(found: Any) -> bool:
    """Whether a value takes lines of its own: an object that is no amount, or a list of objects."""
    if isinstance(found, Mapping):
        return not found.keys() <= _MONEY
    return isinstance(found, list) and any(isinstance(one, Mapping) for one in found)


def _shown(name: str, found: Any, currency: object, reader: Reader) -> str:
    """A value as the reader writes it: amounts, moments and dates by locale and zone, all else as it is."""
    if isinstance(found, Mapping):
        return _shown("amount", found.get("amount"), found.get("currency"), reader)
    if isinstance(found, list):
        return ", ".join(_shown(name, one, currency, reader) for one in found)
    try:
        return _by_kind(name, found, currency, reader)
    except ValueError:
        return plain(found)


def _by_kind(name: str, found: Any, currency: object, reader: Reader) -> str:
    if name == "type" and isinstance(found, str):
        return phrase(reader.language, f"type:{plain(found)}")
    if isinstance(found, str) and _MOMENT.fullmatch(found):
        return reader.time_text(instant(found))
    if isinstance(found, str) and _DAY.fullmatch(found):
        return reader.date_text(date.fromisoformat(found))
    is_number = isinstance(found, int | float) and not isinstance(found, bool)
    is_decimal = isinstance(found, str) and _DECIMAL.fullmatch(found) is not None
    if is_decimal and name in _AMOUNTS and isinstance(currency, str):
        return reader.money_text(found, plain(currency, 3))
    if is_number or (is_decimal and name.endswith(_UNITS)):
        return reader.number_text(found)
    return plain(found)


def _locale(language: str, country: str | None) -> Locale:
    """The language as it is written in the operator's country, where that is known to do so."""
    written = locale_of(f"{language}-{country}") if country else None
    found = written or locale_of(DEFAULT_LOCALE if language == ENGLISH else language)
    assert found is not None, "each language of ours has a locale"
    return found
