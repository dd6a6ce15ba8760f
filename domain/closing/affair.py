"""An affair of the book: what people said of one period, sweep or VAT return, and what came of each decision.

Decisions are judged one by one, in the order of their times, when the clock has come to them; what was judged stays.
Only what waits for something that is told later, such as an approval of what nobody proposed yet, is judged again.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

from domain.book.findings import Finding, FindingEnded, FindingKind, FindingOpened, OpenFindings
from domain.book.refusals import DecisionCounts, DecisionRefused, OpenRefusals
from domain.book.standing import Booked, Retracted, Standing
from domain.closing.events import BookDecided
from domain.fact import RecordedFact
from domain.matter.told import Told, told_of

Decision: TypeAlias = Any


@dataclass(slots=True)
class Affair:
    """One affair, in a stream of the business name `name`; its kinds say how a decision is judged."""

    stream_id: UUID
    name: str = ""
    version: int = 0
    told: list[Told] = field(default_factory=list)
    judged: set[tuple[str, str]] = field(default_factory=set)
    refusals: OpenRefusals = field(default_factory=OpenRefusals)
    standing: Standing = field(default_factory=Standing)
    findings: OpenFindings = field(default_factory=OpenFindings)
    # What waited when the affair was judged last, and how much had been told by then.
    _waited: set[tuple[str, str]] = field(default_factory=set)

    def learn(self, fact: RecordedFact) -> None:
        """Take in a decision of people; what waits is judged again."""
        self.told.append(told_of(fact))
        self._waited.clear()

    def evolve(self, decision: Decision) -> None:
        """Fold what was decided into the state."""
        if isinstance(decision, Booked | Retracted):
            self.standing.evolve(decision)
        elif isinstance(decision, FindingOpened | FindingEnded):
            self.findings.evolve(decision)
        elif isinstance(decision, DecisionRefused):
            self.refusals.evolve(decision)
            key = (decision.source, decision.id)
            if self.waits_for(self._told(*key)) is None:
                self.judged.add(key)
            else:
                self._waited.add(key)
        elif isinstance(decision, DecisionCounts):
            self.refusals.evolve(decision)
        else:
            self.judged.add((decision.source, decision.id))
            self.take(self._told(decision.source, decision.id), decision)

    def due(self) -> Told | None:
        """The decision to be judged next; None where all are, or wait for what is not told yet."""
        open_now = [
            each
            for each in self.told
            if (each.source, each.id) not in self.judged and (each.source, each.id) not in self._waited
        ]
        return min(open_now, key=lambda each: (each.at, each.source, each.id), default=None)

    def decide(self, told: Told, around: Any) -> list[Decision]:
        """Judge the decision that is due, by what the book is now, and fold in what that changes."""
        decisions = []
        for decision in self._judgement(told, around):
            decisions.append(decision)
            self.evolve(decision)
        for change in self.findings.towards(self.open_findings(), self.name):
            decisions.append(change)
            self.findings.evolve(change)
        return decisions

    def _judgement(self, told: Told, around: Any) -> Iterator[Decision]:
        why_not = self.waits_for(told) or self.why_not(told, around)
        if why_not is not None:
            refused = told.refused(self.subject, why_not)
            if refused not in list(self.refusals):
                yield refused
            else:
                self._waited.add((told.source, told.id))
            return
        if (told.source, told.id) in self.refusals:
            yield DecisionCounts(told.source, told.id, told.type, self.subject, told.at)
        yield from self.follow(told, around)

    @property
    def subject(self) -> str:
        """What it is about, by its id."""
        return self.name.partition(":")[2]

    def open_findings(self) -> list[Finding]:
        """That something was decided about what nobody has said."""
        waiting = [each for each in self.told if (each.source, each.id) in self._waited]
        if not waiting:
            return []
        first = min(waiting, key=lambda each: (each.at, each.source, each.id))
        sentence = self.waits_for(first) or ""
        return [
            Finding(
                FindingKind.MATTER_UNKNOWN,
                key="unknown",
                subject=self.subject,
                operator_id="",
                since=first.at,
                sentence=f"{first.by} decided {first.type}, and it waits: {sentence}",
            )
        ]

    def _told(self, source: str, id_: str) -> Told:
        return next(each for each in self.told if (each.source, each.id) == (source, id_))

    # What the kinds of affairs say ------------------------------------------------------------------------------

    def waits_for(self, told: Told) -> str | None:
        """What a decision waits for, in words; None where it can be judged."""
        raise NotImplementedError

    def why_not(self, told: Told, around: Any) -> str | None:
        """Why a decision counts for nothing; None where it counts."""
        raise NotImplementedError

    def follow(self, told: Told, around: Any) -> Iterator[Decision]:
        """What follows from a decision that counts."""
        yield BookDecided(told.source, told.id)

    def take(self, told: Told, decision: Decision) -> None:
        """Keep what a decision that counted says."""


def at_text(moment: datetime) -> str:
    """A moment in a sentence."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"
