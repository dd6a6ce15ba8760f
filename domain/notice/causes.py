"""Causes of notices: what goes on is told when it begins, at most once an hour, and once when it is over."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from domain.values import value

# The same cause is told to have begun at most once in so long.
APART = timedelta(hours=1)


@value
class Cause:
    """Whether something goes on, since when, and what was told of it.

    `told_since` is the beginning that was told and whose end was not, `told_at` when a beginning was told last;
    `untold` is how often it began and was over since then without a word.
    """

    is_open: bool
    since: datetime
    told_since: datetime | None = None
    told_at: datetime | None = None
    untold: int = 0


class Began(NamedTuple):
    """To be told: it goes on since then; `untold` times it came and went since it was told last."""

    since: datetime
    untold: int


class Ended(NamedTuple):
    """To be told to whoever was told that it began: what went on since `since` is over."""

    since: datetime
    at: datetime


class Step(NamedTuple):
    """A cause as it is now, and what is to be told."""

    cause: Cause
    told: Began | Ended | None


def observe(known: Cause | None, at: datetime, now: datetime, *, is_open: bool) -> Step | None:
    """What follows from how it stands since `at`, as is known now; None where that is nothing new."""
    if is_open:
        if known is not None and known.is_open:
            return None
        before = known or Cause(is_open=False, since=at)
        return look(replace(before, is_open=True, since=at), now)
    if known is None or not known.is_open:
        return None
    if known.told_since is None:
        return Step(replace(known, is_open=False, untold=known.untold + 1), None)
    return Step(replace(known, is_open=False, told_since=None), Ended(known.told_since, max(at, known.told_since)))


def escalate(known: Cause, at: datetime, now: datetime) -> Step:
    """What follows where the same goes on and is more urgent than it was told to be: it is told again, at once."""
    since = max(at, known.since + timedelta(microseconds=1))
    again = replace(known, is_open=True, since=since, told_since=since, told_at=now, untold=0)
    return Step(again, Began(since, known.untold))


def look(known: Cause, now: datetime) -> Step:
    """What is to be told by now of how it stands: a beginning that was held back, once it may be told."""
    is_held = known.told_at is not None and now < known.told_at + APART
    if not known.is_open or known.told_since is not None or is_held:
        return Step(known, None)
    return Step(replace(known, told_since=known.since, told_at=now, untold=0), Began(known.since, known.untold))
