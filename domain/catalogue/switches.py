"""What people switch on and off: payouts of an operator are held and released, those of all stopped and resumed."""

from bisect import insort
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from domain.book.refusals import DecisionRefused
from domain.calendar import instant, utc_text
from domain.fact import Fact, in_order
from domain.values import named_value

HELD, RELEASED = "operator.payouts_held", "operator.payouts_released"
STOPPED, RESUMED = "payouts.stopped", "payouts.resumed"
HOLD_TYPES, STOP_TYPES = (HELD, RELEASED), (STOPPED, RESUMED)


@named_value
class Switched(Fact):
    """One of those four; `is_on` is set where payouts wait from then on."""

    type: str
    is_on: bool
    subject: str
    reason: str
    by: str


def switched(type_: str, source: str, id_: str, data: Mapping[str, Any]) -> Switched:
    """The fact that such a message states."""
    return Switched(
        at=instant(data["at"]),
        source=source,
        id=id_,
        type=type_,
        is_on=type_ in (HELD, STOPPED),
        subject=data.get("operator_id") or "payouts",
        reason=data["reason"],
        by=data["by"],
    )


class Interval(NamedTuple):
    """From when until when something is switched on; `ended` is None while it is."""

    began: Switched
    ended: Switched | None


@dataclass(slots=True)
class Switches:
    """The decisions about one switch, in the order of their own times; one that changes nothing does not count."""

    facts: list[Switched] = field(default_factory=list)

    def add(self, fact: Switched) -> None:
        """Take a decision in."""
        insort(self.facts, fact, key=in_order)

    def intervals(self) -> Iterator[Interval]:
        """When it is on, oldest first."""
        began: Switched | None = None
        for fact in self.facts:
            if fact.is_on:
                began = began or fact
            elif began is not None:
                yield Interval(began, fact)
                began = None
        if began is not None:
            yield Interval(began, None)

    def on_at(self, moment: datetime) -> Interval | None:
        """The interval in which a moment lies; at the moment that it ends it is over."""
        for each in self.intervals():
            if each.began.at <= moment and (each.ended is None or moment < each.ended.at):
                return each
        return None

    @property
    def standing(self) -> Switched | None:
        """What switched it on, where nothing has switched it off since."""
        last = deque(self.intervals(), maxlen=1)
        return last[0].began if last and last[0].ended is None else None

    def refusals(self) -> Iterator[DecisionRefused]:
        """The decisions that change nothing, since it is so already."""
        is_on, since = False, None
        for fact in self.facts:
            if fact.is_on is not is_on:
                is_on, since = fact.is_on, fact
                continue
            word = fact.type.rpartition(".")[2].removeprefix("payouts_")
            by = f" since {utc_text(since.at)}, by {since.by}" if since is not None else ""
            state = f"already {word}{by}" if is_on else f"not {'stopped' if fact.type in STOP_TYPES else 'held'}{by}"
            whose = "payouts are" if fact.type in STOP_TYPES else f"the payouts of {fact.subject} are"
            yield DecisionRefused(fact.source, fact.id, fact.type, fact.subject, fact.at, f"{whose} {state}")
