"""Moments far ahead of the wall clock: how far that is, and what is decided about who sends events of such a time."""

from datetime import datetime, timedelta
from uuid import NAMESPACE_URL, UUID, uuid5

from domain.values import value

# Clocks of gateways are wrong by minutes, and by hours where a time zone is taken for another. What is further ahead
# is no moment that anything may be driven to.
AHEAD_MAX = timedelta(hours=24)


def source_stream(source: str) -> UUID:
    """The id of the stream that keeps what was found about a source of events."""
    return uuid5(NAMESPACE_URL, f"wattledger:stream:source:{source}")


@value
class SourceAhead:
    """A source sent an event more than AHEAD_MAX ahead of the wall clock, which showed `noticed_at`; told once.

    `event_id`, `event_type` and `event_time` are those of the envelope. The event itself is accepted as any other.
    """

    source: str
    event_id: str
    event_type: str
    event_time: datetime
    noticed_at: datetime
    operator_id: str = ""
