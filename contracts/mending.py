"""Forms that other systems write and that are kept in one: RFC 3339 times, IBANs with spaces, payout ids of banks.

Only what was refused is looked at, so that the usual forms cost nothing. What is stored is the form that all read.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError

from contracts.refusal import UNION_FORMS
from contracts.values import canonical_uuid, format_time

# RFC 3339, section 5.6, with its note: small letters, and a space for the T. A second may be 60.
_TIME = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2}):([0-5][0-9]|60)(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_MOST_CHARS = 64


def mended(document: dict[str, Any], error: ValidationError) -> dict[str, Any] | None:
    """The document with what was refused in a form that is read; None when nothing of it can be."""
    found: Any = document
    for each in error.errors(include_url=False):
        value, location = each["input"], [step for step in each["loc"] if step not in UNION_FORMS]
        if not isinstance(value, str) or not location or len(value) > _MOST_CHARS:
            continue
        better = _BY_NAME.get(location[-1], _time)(value)
        if better is not None and better != value:
            found = _replaced(found, location, better)
    return None if found is document else found


def _replaced(node: Any, location: Sequence[int | str], value: str) -> Any:
    """The same with another value at a place; what does not lie on the way there is shared."""
    if not location:
        return value
    step, rest = location[0], location[1:]
    if isinstance(node, dict) and step in node:
        return {**node, step: _replaced(node[step], rest, value)}
    if isinstance(node, list) and isinstance(step, int) and step < len(node):
        return [*node[:step], _replaced(node[step], rest, value), *node[step + 1 :]]
    return node


def _time(text: str) -> str | None:
    """A time as it is kept; second 60 is the next second, and digits behind the microsecond are cut."""
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    day, minute, second, fraction, offset = found.groups()
    leap = timedelta(seconds=1) if second == "60" else timedelta(0)
    plain = f"{day}T{minute}:{'59' if leap else second}{(fraction or '')[:7]}{offset.upper()}"
    try:
        return format_time((datetime.fromisoformat(plain) + leap).astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def _iban(text: str) -> str:
    """An IBAN as ISO 13616 has it electronically: without spaces, in capitals."""
    return "".join(text.split()).upper()


# How fields of these names are put into the form that is kept; what else is text may be a time.
_BY_NAME: dict[int | str, Callable[[str], str | None]] = {"iban": _iban, "payout_id": canonical_uuid}
