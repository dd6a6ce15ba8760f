"""Gaps in what a charger told of its sessions: readings that stop, registers that jump from one session to the next.

Times are whole microseconds since 1970. What is at risk is the energy that flowed while nobody was told.
"""

from collections.abc import Sequence
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple

from domain.exact import Exact
from domain.network.moments import microsecond_of
from domain.network.session_use import SessionUse, UseFacts

# Readings stop where the next one is more than so many times as far as they mostly are.
MEDIANS_MAX = 3
# What a register may have moved between two sessions: its resolution.
JUMP_MIN_WH = 1


class GapKind(StrEnum):
    """What is missing: messages by their numbers, energy between two sessions of a plug, readings of a session."""

    MISSING_MESSAGES = "MISSING_MESSAGES"
    REGISTER_JUMP = "REGISTER_JUMP"
    READINGS_STOP = "READINGS_STOP"


class ReadingGap(NamedTuple):
    """From a reading to the next one, and the Wh between them.

    `end` is None in an open session: it is a gap once `limit` microseconds have passed without another reading.
    """

    begin: int
    end: int | None
    limit: int
    risk_wh: Exact | None


class AtPlug(NamedTuple):
    """An ended session with the registers at both its ends, in Wh, as corrected."""

    began: int
    ended: int
    start_wh: Exact
    stop_wh: Exact


def at_plug(use: SessionUse, facts: UseFacts) -> AtPlug | None:
    """The registers of a session that is over and in order; None of any other."""
    if use.started_at is None or use.ended_at is None or use.left_out is not None or not facts.ends:
        return None
    start_wh, stop_wh = min(facts.starts).register_wh, min(facts.ends).register_wh
    for each in sorted(facts.corrections, key=lambda fact: (fact.at, fact.source, fact.id)):
        start_wh = each.start_wh if each.start_wh is not None else start_wh
        stop_wh = each.stop_wh if each.stop_wh is not None else stop_wh
    return AtPlug(microsecond_of(use.started_at), microsecond_of(use.ended_at), start_wh, stop_wh)


def reading_gaps(use: SessionUse, facts: UseFacts) -> list[ReadingGap]:
    """Where the readings of a session stop for more than 3 times the median of the distances between them.

    Its start and its end are told with registers, and count as the first and the last reading; the median is of
    readings alone, of which there have to be two.
    """
    if use.started_at is None or use.left_out is not None:
        return []
    began = microsecond_of(use.started_at)
    ended = microsecond_of(use.ended_at) if use.ended_at is not None else None
    known = {at: wh for at, wh in sorted(facts.readings) if at >= began and (ended is None or at <= ended)}
    times = sorted(known)
    if len(times) < 2:
        return []
    limit = _limit([later - earlier for earlier, later in pairwise(times)])
    over = at_plug(use, facts)
    points = {began: min(facts.starts).register_wh, **known} if over is None else {began: over.start_wh, **known}
    if over is not None:
        points[over.ended] = over.stop_wh
    found = [
        ReadingGap(earlier, later, limit, max(points[later] - points[earlier], 0))
        for earlier, later in pairwise(sorted(points))
        if later - earlier > limit
    ]
    return found if ended is not None else [*found, ReadingGap(times[-1], None, limit, None)]


def _limit(distances: Sequence[int]) -> int:
    """So many microseconds are not too long yet: 3 times the median, of an even number the mean of the middle two."""
    ordered, half = sorted(distances), len(distances) // 2
    twice = 2 * ordered[half] if len(ordered) % 2 else ordered[half - 1] + ordered[half]
    return MEDIANS_MAX * twice // 2
