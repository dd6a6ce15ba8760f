"""Pauses after faults of others: twice as long each time, by what they ask for, and never all at one moment."""

import random
from datetime import timedelta
from typing import TypeVar

P = TypeVar("P", float, timedelta)

_JITTER = 0.2
_DIGITS_MAX = 12


def doubled(failures: int, first_s: float, most_s: float) -> float:
    """The pause in seconds where `failures` came before this one: the first one, then twice as long each time."""
    return min(first_s * 2.0 ** min(failures, 20), most_s)


def jittered(pause: P) -> P:
    """A pause, up to a fifth longer or shorter, so that not all come back at once."""
    return pause * random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - no secret


def retry_after_s(text: str, most_s: int) -> float:
    """`Retry-After` in seconds, so many at most; its other form, a date, is not heeded."""
    return float(min(int(text[:_DIGITS_MAX]), most_s)) if text.isascii() and text.isdecimal() else 0.0
