"""Parts of the load that measurements publish: more sessions under other names, and messages at another time."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

from contracts.messages import CATALOGUE_TOPIC
from wattledger.demo.load import load
from wattledger.demo.messages import stamp

# The load calls its sessions L-00000000 and so on, and a payment after its session.
_NAME, _PLUG = b"L-0", b'"evse_uid":"E-'
_MOMENT = re.compile(rb"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ")

Made = tuple[str, bytes, bytes]


def more_sessions(events: int, messages: int, operators: int, mark: str) -> Iterator[Made]:
    """(topic, key, value) of about `events` messages of sessions named after `mark`, at plugs of theirs only.

    Raises ValueError for a mark that could not be told from the load's own names.
    """
    if not mark.isalnum() or mark.startswith("L"):
        raise ValueError(f"sessions cannot be marked {mark!r}: take letters and digits that do not begin with L")
    name, plug = f"{mark}-0".encode(), f'"evse_uid":"{mark}-'.encode()
    for topic, key, value in load(max(1, events // messages), messages, operators=operators):
        if topic != CATALOGUE_TOPIC:
            yield topic, key.replace(_NAME, name), value.replace(_NAME, name).replace(_PLUG, plug)


def catalogue(operators: int, effective_from: datetime) -> list[bytes]:
    """The load's operators and tariffs, in effect from another moment on."""
    found = [value for topic, _, value in load(0, operators=operators) if topic == CATALOGUE_TOPIC]
    moment = stamp(effective_from).encode()
    return [_MOMENT.sub(moment, value) for value in found]


def moved(value: bytes, by: timedelta) -> bytes:
    """A message with all its moments (to the second, in UTC) moved by a span."""
    return _MOMENT.sub(lambda found: _moved_moment(found[0], by), value)


def _moved_moment(text: bytes, by: timedelta) -> bytes:
    return stamp(datetime.fromisoformat(text.decode()) + by).encode()
