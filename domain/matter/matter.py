"""The matter aggregate: what was said of it, what stands on the book, which decisions are refused, and where it is.

Whatever comes, in whatever order, it is judged anew from all of it, and what stands is brought in step.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TypeAlias
from uuid import UUID

from domain.book.findings import FindingChange, FindingEnded, FindingOpened, OpenFindings
from domain.book.posting import entry_id
from domain.book.refusals import DecisionCounts, DecisionRefused, OpenRefusals, RefusalChange
from domain.book.standing import BookChange, Booked, Retracted, Standing
from domain.catalogue.parties import Operator
from domain.catalogue.versions import Versions
from domain.fact import RecordedFact
from domain.matter.adjustment import judge_adjustment
from domain.matter.balance import judge_balance
from domain.matter.hold import judge_hold
from domain.matter.judgement import Judgement, MatterJudged, OfTreasury, Surroundings
from domain.matter.received_cdr import RECEIVED, judge_received_cdr
from domain.matter.saas_invoice import judge_saas_invoice
from domain.matter.suppliers import judge_hub_invoice, judge_supplier_payment
from domain.matter.told import Told, told_of
from domain.matter.treasury import judge_conversion, judge_deal
from domain.matter.write_off import judge_write_off, operator_of
from domain.values import value

MatterDecision: TypeAlias = BookChange | RefusalChange | FindingChange | MatterJudged

# A hold that is older is told (rule P8: 180 days at most, as reserves of payment providers are).
HOLD_MAX_AGE = timedelta(days=180)

Judge: TypeAlias = Callable[[Sequence[Told], Surroundings], Judgement]

# Who judges what each message is about; those of one stream have one judge.
JUDGES: Mapping[str, Judge] = MappingProxyType(
    {
        "adjustment.proposed": judge_adjustment,
        "adjustment.approved": judge_adjustment,
        "adjustment.rejected": judge_adjustment,
        "write_off.proposed": judge_write_off,
        "write_off.approved": judge_write_off,
        "write_off.rejected": judge_write_off,
        "reserve.held": judge_hold,
        "reserve.released": judge_hold,
        "operator.balance_funded": judge_balance,
        "operator.balance_collected": judge_balance,
        "saas.invoiced": judge_saas_invoice,
        "fx.converted": judge_conversion,
        "fx.converted.by_run": judge_conversion,
        "fx.executed": judge_deal,
        "supplier.paid": judge_supplier_payment,
        "hub.invoiced": judge_hub_invoice,
        RECEIVED: judge_received_cdr,
    }
)

# The messages that say whose a matter is.
_SAY_WHOSE = frozenset(
    {
        "adjustment.proposed",
        "write_off.proposed",
        "reserve.held",
        "operator.balance_funded",
        "operator.balance_collected",
        "saas.invoiced",
        "fx.converted",
        "fx.converted.by_run",
        RECEIVED,
    }
)


@value
class Outcome:
    """What a judgement decided, in which surroundings, and when the clock has to look again.

    `acts_from` and `acts_until` are the first and the last moment at which anything of it acts: which terms of the
    operator concern it.
    """

    decisions: tuple[MatterDecision, ...]
    around: Surroundings
    due_at: datetime | None
    acts_from: datetime
    acts_until: datetime


@dataclass(slots=True)
class Matter:
    """One matter, in a stream of the business name `name`."""

    stream_id: UUID
    name: str = ""
    version: int = 0
    told: list[Told] = field(default_factory=list)
    standing: Standing = field(default_factory=Standing)
    refusals: OpenRefusals = field(default_factory=OpenRefusals)
    findings: OpenFindings = field(default_factory=OpenFindings)
    judged: MatterJudged | None = None

    def learn(self, fact: RecordedFact) -> None:
        """Take in a message."""
        self.told.append(told_of(fact))

    def evolve(self, decision: MatterDecision) -> None:
        """Fold a decision into the state."""
        if isinstance(decision, Booked | Retracted):
            self.standing.evolve(decision)
        elif isinstance(decision, DecisionRefused | DecisionCounts):
            self.refusals.evolve(decision)
        elif isinstance(decision, FindingOpened | FindingEnded):
            self.findings.evolve(decision)
        else:
            self.judged = decision

    def decide(
        self,
        operators: Mapping[str, Versions[Operator]],
        clock: datetime | None,
        hold_max_age: timedelta = HOLD_MAX_AGE,
        treasury: OfTreasury | None = None,
    ) -> Outcome:
        """Judge it by all that was said, with the operators as published, and fold in what that changes.

        What only the treasury asks for is in `treasury`.

        Without a `clock` what the clock has done stands, and what it has not is left to it.
        """
        open_keys = {finding.key for finding in self.findings}
        since = {each.booking.key: each.booking.effective_at for each in self.standing}
        around = Surroundings(
            operators.get(self.operator_id),
            clock,
            lambda key, at: since.get(key) == at,
            open_keys.__contains__,
            hold_max_age,
            treasury or OfTreasury(),
        )
        judgement = JUDGES[self.told[0].type](self.told, around)
        decisions: list[MatterDecision] = [*self.standing.towards(judgement.bookings)]
        decisions += self.refusals.towards(judgement.refused)
        decisions += self.findings.towards(judgement.findings, self.name)
        for decision in decisions:
            self.evolve(decision)
        judged = self._with_entry(judgement)
        if judged is not None and judged != self.judged:
            decisions.append(judged)
            self.judged = judged
        moments = [each.at for each in self.told] + [each.effective_at for each in judgement.bookings]
        return Outcome(tuple(decisions), around, judgement.due_at, min(moments), max(moments))

    @property
    def operator_id(self) -> str:
        """The operator it is about, by what was said of it first; nothing while nobody said that, or of none."""
        for each in sorted(self.told, key=lambda told: (told.at, told.source, told.id)):
            if each.type in _SAY_WHOSE:
                data = each.data
                return str(data.get("operator_id") or data.get("payee_id") or operator_of(data.get("account") or ""))
        return ""

    def _with_entry(self, judgement: Judgement) -> MatterJudged | None:
        """Where it stands, with the entry that carries it out."""
        if judgement.judged is None or not judgement.bookings:
            return judgement.judged
        first = judgement.bookings[0].key
        revision = next(each.revision for each in self.standing if each.booking.key == first)
        return replace(judgement.judged, entry_id=str(entry_id(self.stream_id, first, revision, 0)))
