"""What a statement says when it is issued, and the bytes that are kept of it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple

import orjson

from domain.book.words import meaning_of
from domain.calendar import utc_text
from domain.money import format_minor

_SEQUENCE_DIGITS = 6
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")
# Where somebody is, the months before may be outside the calendar.
_EARLIEST = "0002-01"


class Movement(NamedTuple):
    """What entries of a kind, or those that take some back, moved in a month, or before it and told late."""

    late: bool
    kind: str
    mirror: bool
    entries: int
    amount: int


class Earlier(NamedTuple):
    """A statement that another one names: its number and the SHA-256 of its content, in hex."""

    number: str
    content_sha256: str


@dataclass(frozen=True, slots=True)
class StatementDraft:
    """A statement that is about to be kept; minor units, positive in the operator's favour.

    `follows` is the statement before of the same currency, whose closing is `opening`; None for the first, which
    opens with nothing. `restates` is the one that this says anew. `position` and `known_at` say what it knows.
    """

    operator_id: str
    operator_name: str
    sequence: int
    currency: str
    month: date
    since: datetime
    until: datetime
    time_zone: str
    cutoff_time: str
    position: int
    known_at: datetime
    follows: Earlier | None
    restates: Earlier | None
    opening: int
    movements: tuple[Movement, ...]
    issued_at: datetime
    issued_by: str

    @property
    def number(self) -> str:
        """The operator's id and how many statements it has with this one, such as `OP-NL-000012`."""
        return f"{self.operator_id}-{self.sequence:0{_SEQUENCE_DIGITS}d}"

    @property
    def closing(self) -> int:
        """What was owed at the end of the month."""
        return self.opening + sum(each.amount for each in self.movements)


def month_text(month: date) -> str:
    """A month by its first day, such as `2026-03`."""
    return f"{month:%Y-%m}"


def month_from(text: str) -> date:
    """The first day of a month such as `2026-03`; raises ValueError for what is none."""
    if _MONTH.fullmatch(text) is None or text < _EARLIEST:
        raise ValueError(f"{text!r} is not a month such as 2026-03")
    return date.fromisoformat(f"{text}-01")


def content_of(draft: StatementDraft) -> bytes:
    """The document as it is kept: JSON, UTF-8, names in order; amounts are decimal texts, times in UTC.

    `opening`, the amounts of `movements` and of `told_late` add up to `closing`.
    """
    within = [each for each in draft.movements if not each.late]
    late = [each for each in draft.movements if each.late]
    said: dict[str, Any] = {
        "number": draft.number,
        "operator_id": draft.operator_id,
        "operator_name": draft.operator_name,
        "currency": draft.currency,
        "month": month_text(draft.month),
        "from": utc_text(draft.since),
        "to": utc_text(draft.until),
        "time_zone": draft.time_zone,
        "cutoff_time": draft.cutoff_time,
        "known_at": utc_text(draft.known_at),
        "position": draft.position,
        "issued_at": utc_text(draft.issued_at),
        "issued_by": draft.issued_by,
        "follows": _earlier(draft.follows),
        "restates": _earlier(draft.restates),
        "opening": format_minor(draft.opening, draft.currency),
        "movements": [_movement(each, draft.currency) for each in within],
        "moved": _sum(within, draft.currency),
        "told_late": [_movement(each, draft.currency) for each in late],
        "moved_late": _sum(late, draft.currency),
        "closing": format_minor(draft.closing, draft.currency),
    }
    return orjson.dumps(said, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _earlier(named: Earlier | None) -> dict[str, str] | None:
    return None if named is None else named._asdict()


def _movement(each: Movement, currency: str) -> dict[str, Any]:
    return {
        "kind": each.kind,
        "mirror": each.mirror,
        "label": meaning_of(each.kind, each.mirror),
        "entries": each.entries,
        "amount": format_minor(each.amount, currency),
    }


def _sum(movements: Iterable[Movement], currency: str) -> str:
    return format_minor(sum(each.amount for each in movements), currency)
