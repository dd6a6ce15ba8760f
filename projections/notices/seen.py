"""What was seen that somebody may want to be told: what happened, and what goes on or is over."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from domain.notice.kinds import severity_of
from domain.notice.subscription import Severity


class Key(NamedTuple):
    """What tells causes apart: whose, of which type, and what it is about."""

    operator_id: str
    type: str
    cause: str


@dataclass(frozen=True, slots=True)
class Seen:
    """Something of an operator, at its own time; `position` is that of its event, None for what only time brings.

    `is_open` says whether it goes on since `at`, or is over since then; None is what happened and has no end.
    `data` is what a notice says of it: plain JSON, of some kilobytes at most.
    """

    key: Key
    at: datetime
    data: Mapping[str, Any]
    position: int | None = None
    is_open: bool | None = None
    severity: Severity | None = None

    @property
    def urgency(self) -> Severity:
        """How urgent it is: as its type is where nothing else was said."""
        return self.severity or severity_of(self.key.type)
