"""Moments as whole microseconds since 1970 (UTC), and quarter hours by their numbers from there."""

from datetime import UTC, datetime, timedelta
from typing import Final

from domain.charging import MICROSECOND

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
US_PER_SECOND: Final = 1_000_000
QUARTER_S: Final = 900
QUARTER_US: Final = QUARTER_S * US_PER_SECOND
QUARTER: Final = timedelta(seconds=QUARTER_S)


def microsecond_of(moment: datetime) -> int:
    """A moment as whole microseconds since 1970."""
    return (moment - EPOCH) // MICROSECOND


def moment_of(microsecond: int) -> datetime:
    """The moment of so many microseconds since 1970, in UTC."""
    return EPOCH + timedelta(microseconds=microsecond)


def quarter_number(moment: datetime) -> int:
    """The number of the quarter hour in which a moment lies."""
    return (moment - EPOCH) // QUARTER


def quarter_start(number: int) -> datetime:
    """The moment at which a quarter hour begins, in UTC."""
    return EPOCH + number * QUARTER
