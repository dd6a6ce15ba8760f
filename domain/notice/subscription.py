"""Subscriptions of operators: what they want to be told, where, and how urgent it has to be."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time
from enum import StrEnum
from functools import lru_cache
from typing import Any, NamedTuple

from domain.notice.quiet import QuietHours
from domain.values import value


class Severity(StrEnum):
    """How urgent a notice is, the least first."""

    INFO = "INFO"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"

    def reaches(self, least: "Severity") -> bool:
        """Whether it is at least as urgent as another."""
        return _RANKS[self] >= _RANKS[least]


_STARS = re.compile(r"\*{2,}")
_RANKS = {each: rank for rank, each in enumerate(Severity)}


class Channel(StrEnum):
    """How a notice travels."""

    WEBHOOK = "WEBHOOK"
    MAIL = "MAIL"


class Digest(StrEnum):
    """How notices are bundled: each by itself, or all of an hour or a day in one."""

    NONE = "NONE"
    HOURLY = "HOURLY"
    DAILY = "DAILY"


@value
class Subscription:
    """What an operator wants to be told, by which channel, as one version says; `language` is the reader's."""

    events: tuple[str, ...]
    channel: Channel
    target: str
    enabled: bool
    digest: Digest = Digest.NONE
    quiet: QuietHours | None = None
    min_severity: Severity = Severity.INFO
    language: str | None = None

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> "Subscription":
        """The same as `operator.notify_set` publishes it."""
        quiet = data.get("quiet")
        return cls(
            events=tuple(data["events"]),
            channel=Channel(data["channel"]),
            target=data["target"],
            enabled=data["enabled"],
            digest=Digest(data.get("digest") or Digest.NONE),
            quiet=QuietHours(time.fromisoformat(quiet["from"]), time.fromisoformat(quiet["to"])) if quiet else None,
            min_severity=Severity(data.get("min_severity") or Severity.INFO),
            language=data.get("language"),
        )

    def hears(self, type_: str, severity: Severity) -> bool:
        """Whether it is told of something of this type that is as urgent as this."""
        return self.enabled and severity.reaches(self.min_severity) and names(self.events, type_)


class Told(NamedTuple):
    """A version as it was told; of two the one with the later (at, source, id) counts."""

    at: datetime
    source: str
    id: str


def latest(versions: Iterable[Told], now: datetime) -> Told | None:
    """The version that counts at a moment, whatever the order in which they came; None before the first."""
    return max((each for each in versions if each.at <= now), default=None)


def names(patterns: Sequence[str], type_: str) -> bool:
    """Whether one of the patterns names a type: `*` stands for any letters, and at the end for further parts too.

    So `payout.*` names `payout.paid`, `*` everything.
    """
    return any(_expression(pattern).fullmatch(type_) for pattern in patterns)


@lru_cache(maxsize=4096)
def _expression(pattern: str) -> re.Pattern[str]:
    # Several stars beside each other say no more than one, and can be told apart in more ways than there is time for.
    pattern = _STARS.sub("*", pattern)
    head, star, tail = pattern.rpartition("*")
    if star and not tail:
        return re.compile(_inner(head) + ".*")
    return re.compile(_inner(pattern))


def _inner(pattern: str) -> str:
    return "[^.]*".join(re.escape(part) for part in pattern.split("*"))
