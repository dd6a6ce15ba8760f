"""Facts: what a source reported. A fact acts at its own time, whenever it arrives; a recorded one is its message."""

from collections.abc import Mapping
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

from domain.values import named_value


@named_value
class Fact:
    """The head of every fact: when it acts, and who said so; facts at the same time are taken by (source, id)."""

    at: datetime
    source: str
    id: str


# The key that sorts facts, the same whichever way they arrive; a property of theirs would take three times as long.
in_order = attrgetter("at", "source", "id")


class RecordedFact(NamedTuple):
    """A message as it was accepted: `type`, `source`, `id` and `time` of its envelope, and its data."""

    type: str
    source: str
    id: str
    time: datetime
    data: Mapping[str, Any]
