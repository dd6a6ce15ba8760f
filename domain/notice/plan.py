"""When a notice leaves: at once, when quiet hours are over, or in a digest."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from domain.notice.digests import next_due
from domain.notice.subscription import Digest, Severity, Subscription


class Leaving(StrEnum):
    """How a notice waits to leave."""

    PENDING = "PENDING"
    HELD = "HELD"
    BUNDLED = "BUNDLED"


class Plan(NamedTuple):
    """What a notice waits for, and until when."""

    leaving: Leaving
    at: datetime


def plan(told: Subscription, severity: Severity, now: datetime, zone: ZoneInfo) -> Plan:
    """How a notice that is made now leaves."""
    if told.digest is not Digest.NONE:
        return Plan(Leaving.BUNDLED, next_due(told.digest, now, zone))
    return by_itself(told, severity, now, zone)


def by_itself(told: Subscription, severity: Severity, now: datetime, zone: ZoneInfo) -> Plan:
    """How a notice leaves that is not bundled, such as a digest itself."""
    over_at = told.quiet.over_at(now, zone) if told.quiet and severity is not Severity.CRITICAL else None
    return Plan(Leaving.PENDING, now) if over_at is None else Plan(Leaving.HELD, over_at)
