"""Uptime of an EVSE: its outages, what of them is explained and so excluded, and its figures in any window.

By 23 CFR 680.116(b): an outage is excluded as far as its cause is beyond the operator's control. Times are whole
microseconds since 1970; figures are exact.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from typing import NamedTuple

from domain.network.contacts import Silence, silent
from domain.network.moments import US_PER_SECOND
from domain.network.spans import Span, length, united, within, without
from domain.network.states import State, Stretch, spans_of

# The causes of an explanation, in the order in which they take what explanations that begin together share.
CAUSES = ("UTILITY", "VEHICLE", "MAINTENANCE", "VANDALISM", "DISASTER", "OPENING_HOURS")
# A year has 525,600 minutes in the rule: 365 days of 24 hours.
NEVI_DAYS, NEVI_MINUTES = 365, 525_600
NEVI_US = NEVI_MINUTES * 60 * US_PER_SECOND


class Explanation(NamedTuple):
    """Why an EVSE was down in [begin, end), in whole or in part, and where that is shown (a URI)."""

    begin: int
    end: int
    cause: str
    evidence: str | None = None


@dataclass(frozen=True)
class Life:
    """What is known of an EVSE from its first message on, up to `until`.

    `silences` are those that ended by a message; `last` and `interval_s` say whether it is silent now: its last sign
    of life, and the interval of the heartbeat in force then (None before the first).
    """

    first: int
    until: int
    statuses: Sequence[Stretch] = ()
    silences: Sequence[Silence] = ()
    last: int | None = None
    interval_s: int | None = None
    explanations: Sequence[Explanation] = ()

    @cached_property
    def all_silences(self) -> list[Span]:
        """When it was silent. A silence that a message after `until` ended is one where it was too long by then."""
        found = list(self.silences)
        if self.last is not None and self.interval_s is not None:
            found.append(Silence(self.last, self.until, self.interval_s))
        ends = ((each, min(each.end, self.until)) for each in found)
        return united((each.begin, end) for each, end in ends if silent(each.begin, each.interval_s, end))

    @property
    def silent_since(self) -> int | None:
        """Since when it says nothing; None where it does, or not for too long yet."""
        return next((begin for begin, end in self.all_silences if end == self.until), None)

    @cached_property
    def in_service(self) -> list[Span]:
        """From its first message on, without PLANNED and REMOVED; before the first status it is in service."""
        return without(united([(self.first, self.until)]), spans_of(self.statuses, State.OUT_OF_SERVICE))

    @cached_property
    def outages(self) -> list[Span]:
        """When it was down or silent while in service: each span one outage, whatever statuses follow one another."""
        down = united([*spans_of(self.statuses, State.DOWN), *self.all_silences])
        return _shared(self.in_service, down)


class Excluded(NamedTuple):
    """A part of an outage that is explained."""

    begin: int
    end: int
    cause: str
    evidence: str | None


@dataclass(frozen=True, slots=True)
class Outage:
    """An outage, within the window that was asked for; `goes_on` where it is not over at the end of what is known."""

    begin: int
    end: int
    excluded: tuple[Excluded, ...]
    silent_us: int
    goes_on: bool

    @property
    def excluded_us(self) -> int:
        """How much of it is excluded."""
        return sum(part.end - part.begin for part in self.excluded)


class Year(NamedTuple):
    """365 days of 24 hours: how long an EVSE was down in them, and how much of that is excluded, in microseconds."""

    outage_us: int
    excluded_us: int


@dataclass(frozen=True, slots=True)
class Uptime:
    """The figures of a window [begin, end), in microseconds; `year`: its last 365 days, None where it has fewer."""

    begin: int
    end: int
    in_service_us: int
    blocked_us: int
    excluded_by_cause_us: Mapping[str, int]
    outages: tuple[Outage, ...]
    year: Year | None

    @property
    def nevi(self) -> Fraction | None:
        """(525,600 - (T_outage - T_excluded)) / 525,600 x 100, in minutes (23 CFR 680.116(b)(3)); in percent."""
        if self.year is None:
            return None
        return Fraction(NEVI_US - (self.year.outage_us - self.year.excluded_us), NEVI_US) * 100

    @property
    def outage_us(self) -> int:
        """How long it was down, explained or not."""
        return sum(outage.end - outage.begin for outage in self.outages)

    @property
    def excluded_us(self) -> int:
        """How much of that is explained."""
        return sum(outage.excluded_us for outage in self.outages)

    @property
    def uptime(self) -> Fraction | None:
        """(in service - (outage - excluded)) / in service; None where it was not in service."""
        if not self.in_service_us:
            return None
        return Fraction(self.in_service_us - (self.outage_us - self.excluded_us), self.in_service_us)


def excluded_in(outage: Span, explanations: Iterable[Explanation]) -> list[Excluded]:
    """The parts of an outage that are explained, each once.

    Where explanations lie over each other, the one that begins first has what they share; of those that begin
    together the cause that stands first in CAUSES, then the one that ends last.
    """
    found: list[Excluded] = []
    taken: list[Span] = []
    meeting = [each for each in explanations if each.begin < outage[1] and each.end > outage[0]]
    for each in sorted(meeting, key=_precedence) if len(meeting) > 1 else meeting:
        parts = without(united(within([(each.begin, each.end)], *outage)), taken)
        found += [Excluded(begin, end, each.cause, each.evidence) for begin, end in parts]
        taken = united([*taken, *parts])
    return sorted(found)


def _precedence(each: Explanation) -> tuple[int, int, int, str]:
    return each.begin, CAUSES.index(each.cause), -each.end, each.evidence or ""


def uptime(life: Life, begin: int, end: int) -> Uptime:
    """The figures of an EVSE in [begin, end), which ends where what is known ends.

    `year` is of the 365 days of 24 hours up to the end of the window, where it was known for as long and the window
    is as long.
    """
    begin = max(begin, life.first)
    end = max(begin, min(end, life.until))
    in_service = within(life.in_service, begin, end)
    blocked = within(spans_of(life.statuses, State.BLOCKED), begin, end)
    outages = _outages(life, begin, end)
    by_cause: dict[str, int] = {}
    for part in (part for outage in outages for part in outage.excluded):
        by_cause[part.cause] = by_cause.get(part.cause, 0) + part.end - part.begin
    return Uptime(
        begin,
        end,
        length(in_service),
        length(blocked) - (length(_shared(blocked, life.all_silences)) if blocked else 0),
        dict(sorted(by_cause.items())),
        outages,
        _year(life, end) if end - begin >= NEVI_US else None,
    )


def _outages(life: Life, begin: int, end: int) -> tuple[Outage, ...]:
    silences = life.all_silences
    return tuple(
        Outage(
            *span,
            tuple(excluded_in(span, life.explanations)),
            length(within(silences, *span)),
            span[1] == life.until,
        )
        for span in within(life.outages, begin, end)
        if span[0] < span[1]
    )


def _year(life: Life, end: int) -> Year:
    spans = within(life.outages, end - NEVI_US, end)
    excluded = sum(part.end - part.begin for span in spans for part in excluded_in(span, life.explanations))
    return Year(length(spans), excluded)


def _shared(spans: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """Where spans meet others."""
    return without(spans, without(spans, others))


class Shown(StrEnum):
    """How a stretch of an EVSE's time is shown: what it counts as, with outages apart by what they are."""

    UP = "UP"
    BLOCKED = "BLOCKED"
    DOWN = "DOWN"
    SILENT = "SILENT"
    EXCLUDED = "EXCLUDED"
    OUT_OF_SERVICE = "OUT_OF_SERVICE"


def strip(life: Life, figures: Uptime) -> list[tuple[Span, Shown]]:
    """The window of some figures from one end to the other, in stretches that do not overlap.

    Of an outage what is excluded comes first, then what its statuses say, then silence.
    """
    window = [(figures.begin, figures.end)] if figures.begin < figures.end else []
    found: list[tuple[Span, Shown]] = []
    excluded = united((part.begin, part.end) for outage in figures.outages for part in outage.excluded)
    layers = (
        (Shown.OUT_OF_SERVICE, spans_of(life.statuses, State.OUT_OF_SERVICE)),
        (Shown.EXCLUDED, excluded),
        (Shown.DOWN, spans_of(life.statuses, State.DOWN)),
        (Shown.SILENT, life.all_silences),
        (Shown.BLOCKED, spans_of(life.statuses, State.BLOCKED)),
        (Shown.UP, window),
    )
    for shown, spans in layers:
        found += [(span, shown) for span in _shared(window, united(spans))]
        window = without(window, united(spans))
    return sorted(found)
