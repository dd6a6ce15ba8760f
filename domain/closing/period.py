"""A period: two people close it over one hash, in order, once it is over and its runs are made; or open it again."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from domain.closing.affair import Affair, Decision, at_text
from domain.closing.events import BookDecided, PeriodClosed, PeriodReopened
from domain.closing.periods import month_after
from domain.closing.statement import (
    Bounds,
    Figures,
    Item,
    ItemState,
    balance_sheet_text,
    checklist_text,
    issued_text,
    statement_hash,
)
from domain.matter.told import Told
from domain.people import same_person
from domain.values import value

CLOSED, REOPENED = "period.closed", "period.reopened"


@value
class PeriodAround:
    """What a period is judged in, as the book is at that moment.

    `first_open` is the first open period, None while nothing was ever closed; `runs_due` whose runs are still to be
    made. `figures` are those of the period as they would be issued, `opening` what was issued of the one before.
    `return_filed` names a VAT return that the period is in.
    """

    bounds: Bounds
    first_open: str | None
    runs_due: Sequence[str]
    figures: Callable[[], Figures]
    opening: Callable[[], Figures]
    checklist: Callable[[], Sequence[Item]]
    return_filed: str | None


@dataclass(slots=True)
class PeriodAffair(Affair):
    """What people said of one period."""

    # How often it was closed, and the hash that stands; and who wants what, before the second person.
    closes: int = 0
    stands: str | None = None
    votes: list[Told] = field(default_factory=list)

    def waits_for(self, told: Told) -> str | None:
        """Nothing: a close that comes too early is to be decided again."""
        return None

    def why_not(self, told: Told, around: PeriodAround) -> str | None:
        """Why somebody's word does not count."""
        reasons = self._not_closed if told.type == CLOSED else self._not_reopened
        return next((why for why in reasons(told, around) if why is not None), None)

    def _not_closed(self, told: Told, around: PeriodAround) -> Iterator[str | None]:
        period, bounds, first_open = self.subject, around.bounds, around.first_open
        if told.at < bounds.ends_at:
            yield f"period {period} is not over before {at_text(bounds.ends_at)}: close it then"
        if first_open is not None and period < first_open:
            yield f"period {period} is closed already: the first open one is {first_open}"
        if first_open is not None and period > first_open:
            yield f"periods are closed in order, and {first_open} is the next: close that first"
        if around.runs_due:
            whose = ", ".join(around.runs_due[:5])
            yield f"payout runs of period {period} are due and not made, of {whose}: close it once they are"
        if told.data["statement_hash"] != (current := self.current_hash(around)):
            yield (
                f"the figures of {period} are not those of this hash, but of {current}: look at them again "
                f"(wattledger period status {period}) and close by that"
            )
        yield self._by_same_person(told)
        if not told.data.get("reason"):
            open_items = [each.name for each in around.checklist() if each.state is ItemState.OPEN]
            if open_items:
                yield f"of the checklist {', '.join(open_items)} is open: settle that, or waive it with --reason"

    def _not_reopened(self, told: Told, around: PeriodAround) -> Iterator[str | None]:
        period, first_open = self.subject, around.first_open
        if self.stands is None or first_open is None or month_after(period) != first_open:
            last = f"the first open one is {first_open}" if first_open else "none is closed"
            yield f"period {period} is not the one that was closed last: {last}"
        if around.return_filed is not None:
            yield f"VAT return {around.return_filed} was filed by the figures of {period}: it stays closed"
        if told.data["statement_hash"] != self.stands:
            yield f"{period} was issued by the hash {self.stands}: name that one"
        yield self._by_same_person(told)

    def _by_same_person(self, told: Told) -> str | None:
        if any(same_person(each.by, told.by) for each in self._same(told)):
            return f"{told.by} decided that before: another person has to"
        return None

    def _same(self, told: Told) -> list[Told]:
        """Who said the same before, of the same figures."""
        return [
            each
            for each in self.votes
            if each.type == told.type and each.data["statement_hash"] == told.data["statement_hash"]
        ]

    def current_hash(self, around: PeriodAround) -> str:
        """The hash of the figures as they would be issued next."""
        return statement_hash(around.bounds, self.closes + 1, around.figures())

    def follow(self, told: Told, around: PeriodAround) -> Iterator[Decision]:
        """The second person's word closes it, or opens it again."""
        before = self._same(told)
        if not before:
            yield BookDecided(told.source, told.id)
        elif told.type == CLOSED:
            yield self._closed(told, before[0], around)
        else:
            yield self._reopened(told, before[0], around.bounds)

    def _closed(self, told: Told, first: Told, around: PeriodAround) -> PeriodClosed:
        bounds, version, by = around.bounds, self.closes + 1, (first.by, told.by)
        figures = around.figures()
        notes = "; ".join(f"{each.by}: {each.data.get('reason')}" for each in (first, told))
        items = [_waived(each, notes) for each in around.checklist()]
        return PeriodClosed(
            told.source,
            told.id,
            bounds.period,
            version,
            bounds.zone,
            bounds.starts_at,
            bounds.ends_at,
            told.at,
            told.data["statement_hash"],
            by,
            issued_text(bounds, version, figures, around.opening(), told.at, by),
            balance_sheet_text(bounds, version, figures),
            checklist_text(bounds, version, items),
        )

    def _reopened(self, told: Told, first: Told, bounds: Bounds) -> PeriodReopened:
        reason = "; ".join(f"{each.by}: {each.data['reason']}" for each in (first, told))
        return PeriodReopened(
            told.source,
            told.id,
            bounds.period,
            self.closes,
            bounds.zone,
            bounds.starts_at,
            bounds.ends_at,
            told.at,
            (first.by, told.by),
            reason,
        )

    def take(self, told: Told, decision: Decision) -> None:
        """Keep who wants what, and how often it was closed."""
        if isinstance(decision, PeriodClosed):
            self.closes, self.stands = decision.version, decision.statement_hash
            self.votes.clear()
        elif isinstance(decision, PeriodReopened):
            self.stands = None
            self.votes.clear()
        else:
            self.votes.append(told)


def _waived(item: Item, notes: str) -> Item:
    return item if item.state is ItemState.OK else Item(item.name, ItemState.WAIVED, item.figure, notes)
