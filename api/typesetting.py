"""Documents of money as tagged PDF (PDF/UA-1), typeset by Typst in a process of its own.

All texts are handed over as JSON and are data to Typst, never markup. The same texts give the same bytes: nothing in
the file comes from the clock. A process, since the memory that typesetting needs is given back with it, and other
requests go on meanwhile.
"""

import re
import subprocess
import sys
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import orjson

from domain.money import format_minor

PDF = "application/pdf"
_TEMPLATE = Path(__file__).with_name("advice.typ")
_SECONDS_MAX = 15
_TEXT_MAX = 160
_WORD_MAX = 40
# Signs of control, and those that turn the direction of what follows.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff0-\uffff\ud800-\udfff]")
_LONG_WORD = re.compile(rf"(\S{{{_WORD_MAX}}})(?=\S)")
_BREAK_HERE = "\u200b"
# Signs that the fonts within Typst have for certain: Latin, Greek, Cyrillic, and what stands between words.
_UNKNOWN = re.compile("[^\\s\u0020-\u017f\u0370-\u03ff\u0400-\u045f\u200b\u2010-\u2026\u20ac\u2212]")

Part: TypeAlias = dict[str, Any]


class NotTypeset(Exception):
    """Typst could not make the document; the text says why."""


def pdf_of(told: dict[str, Any]) -> bytes:
    """The PDF of what a template is given (`as_shown`). Raises NotTypeset."""
    try:
        return _typeset(told)
    except NotTypeset:
        # A sign that no font of this machine has; one that cannot be shown is better than no document.
        return _typeset(_in_known_signs(told))


def part(
    title: str,
    columns: list[dict[str, Any]] | None = None,
    rows: list[list[str]] | None = None,
    total: list[str] | None = None,
    note: str | None = None,
) -> Part:
    """A section: its title, a note under it, and a table where it has one, with its sums as the last row."""
    return {"title": title, "note": note, "columns": columns or [], "rows": rows or [], "total": total}


def column(name: str, *, right: bool = False, wide: bool = False, code: bool = False) -> dict[str, Any]:
    """A column of a section: numbers stand to the right, one takes the room that is left, ids are code."""
    return {"name": name, "right": right, "wide": wide, "code": code}


def money(amount: int, currency: str) -> str:
    """Minor units as English writes them, with a sign of its own for less than nothing."""
    return money_text(format_minor(amount, currency))


def money_text(amount: str) -> str:
    """The same of a decimal text."""
    return f"{Decimal(amount):,}".replace("-", "\u2212")


def day_text(day: date) -> str:
    """A day in words, such as 1 March 2026."""
    return f"{day.day} {day:%B %Y}"


def when_text(moment: datetime, local: ZoneInfo) -> str:
    """A moment in words where somebody is, with the name of the zone."""
    at = moment.astimezone(local)
    return f"{day_text(at)}, {at:%H:%M} {local.key}"


def moment_text(moment: datetime, local: ZoneInfo) -> str:
    """The same in short, for columns."""
    return f"{moment.astimezone(local):%Y-%m-%d %H:%M}"


def as_shown(told: Any) -> Any:
    """The same with texts that can be typeset: no signs of control, not too long, and words that may be broken."""
    if isinstance(told, str):
        text = _UNSEEN.sub("", told)
        text = text if len(text) <= _TEXT_MAX else f"{text[:_TEXT_MAX]}…"
        return _LONG_WORD.sub(rf"\1{_BREAK_HERE}", text)
    if isinstance(told, dict):
        return {name: as_shown(value) for name, value in told.items()}
    return [as_shown(value) for value in told] if isinstance(told, list | tuple) else told


def _in_known_signs(told: Any) -> Any:
    if isinstance(told, str):
        return _UNKNOWN.sub("?", told)
    if isinstance(told, dict):
        return {name: _in_known_signs(value) for name, value in told.items()}
    return [_in_known_signs(value) for value in told] if isinstance(told, list) else told


def _typeset(told: dict[str, Any]) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603 (this interpreter and a module of ours)
            [sys.executable, "-P", "-m", "api.typeset", str(_TEMPLATE)],
            input=orjson.dumps(told),
            capture_output=True,
            timeout=_SECONDS_MAX,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise NotTypeset("it took too long") from error
    if done.returncode:
        raise NotTypeset(done.stderr.decode("utf-8", "replace")[-2_000:])
    return done.stdout
