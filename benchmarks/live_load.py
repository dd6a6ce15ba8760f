"""A live load: sessions that happen now, event after event at a steady pace, some of them of operators to watch.

A watched operator has one session only, so that the first amount on its balance is that session's.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

from benchmarks.load_parts import Made, moved
from benchmarks.stage import MESSAGES_PER_SESSION, OPERATORS
from contracts.messages import CATALOGUE_TOPIC
from wattledger.demo.load import load

EVENTS_PER_SECOND = 1_000
_SESSIONS_PER_SECOND = EVENTS_PER_SECOND // MESSAGES_PER_SESSION
# One session in so many is of an operator of its own.
_WATCH_EVERY = 5
# Sessions overlap: their messages come so far apart, and those of many others in between.
_APART_S = 0.2
_OPERATOR = re.compile(rb'"operator_id":"(OP-\d\d\d)"')
# The event after which a session has a price, and its operator something on its balance.
_ENDED = b'"charging.session.ended"'


@dataclass(frozen=True, slots=True)
class Due:
    """A message and when it is to be sent, in seconds from the start; `watched` names the operator to look for."""

    after_s: float
    topic: str
    key: bytes
    value: bytes
    watched: str | None


@dataclass(frozen=True, slots=True)
class LiveLoad:
    """The catalogue, to be published before, and the messages in the order in which they are due.

    From `steady_from_s` to `steady_to_s` they are due at the full pace.
    """

    catalogue: tuple[Made, ...]
    messages: tuple[Due, ...]
    steady_from_s: float
    steady_to_s: float

    @property
    def watched(self) -> list[str]:
        """The operators that are watched."""
        return [due.watched for due in self.messages if due.watched]


def live_load(seconds: float, mark: str) -> LiveLoad:
    """Sessions named after `mark` that start over so many seconds, ending about now in their own time."""
    catalogue: dict[bytes, list[Made]] = defaultdict(list)
    sessions: dict[bytes, list[Made]] = defaultdict(list)
    for topic, key, value in load(int(seconds * _SESSIONS_PER_SECOND), MESSAGES_PER_SESSION, operators=OPERATORS):
        (catalogue if topic == CATALOGUE_TOPIC else sessions)[key].append((topic, key, value))
    last = max(orjson.loads(made[-1][2])["time"] for made in sessions.values())
    by = datetime.now(UTC).replace(microsecond=0) - datetime.fromisoformat(last)
    published = [made for found in catalogue.values() for made in found]
    due: list[Due] = []
    for number, (key, messages) in enumerate(sessions.items()):
        watched = f"{mark}-{number:05d}" if number % _WATCH_EVERY == 0 else None
        if watched:
            operator = (_OPERATOR.search(messages[0][2]) or [b"", b""])[1]
            published += [
                (topic, watched.encode(), value.replace(operator, watched.encode()))
                for topic, _, value in catalogue[operator]
            ]
            messages = [(topic, of, value.replace(operator, watched.encode())) for topic, of, value in messages]
        due += _spread(number, key.replace(b"L-0", f"{mark}-0".encode()), messages, watched, mark)
    moved_catalogue = tuple((topic, key, moved(value, by)) for topic, key, value in published)
    at_their_time = tuple(
        Due(each.after_s, each.topic, each.key, moved(each.value, by), each.watched)
        for each in sorted(due, key=lambda each: each.after_s)
    )
    # Before, not all sessions have begun that are to overlap, and afterwards no further one begins.
    return LiveLoad(moved_catalogue, at_their_time, MESSAGES_PER_SESSION * _APART_S, seconds)


def _spread(number: int, key: bytes, messages: list[Made], watched: str | None, mark: str) -> Iterator[Due]:
    for step, (topic, _, value) in enumerate(messages):
        after_s = number / _SESSIONS_PER_SECOND + step * _APART_S
        named = value.replace(b"L-0", f"{mark}-0".encode())
        yield Due(after_s, topic, key, named, watched if _ENDED in value else None)
