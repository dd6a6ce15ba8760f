"""Changes of operators' bank accounts that take two people: proposed by one, confirmed by another, then cooled off.

Which account is in effect when is a function of the set of versions and decisions, whatever their order of arrival.
"""

from bisect import insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from domain.book.refusals import DecisionRefused
from domain.calendar import END, instant, utc_text
from domain.catalogue.accounts import is_sound
from domain.catalogue.controls import Lowered, lowered
from domain.catalogue.parties import Operator
from domain.catalogue.versions import Version, Versions
from domain.fact import Fact, in_order
from domain.people import same_person
from domain.values import named_value, value

PROPOSED, CONFIRMED = "bank_account.proposed", "bank_account.confirmed"
ACCOUNT_TYPES = (PROPOSED, CONFIRMED)
COOLING_OFF = timedelta(hours=24)


def why_no_bank_knows(type_: str, data: Mapping[str, Any]) -> str | None:
    """Why people who decide are asked for another account: its check digits are wrong. None for all else.

    A message that was sent all the same is taken as ever: nothing is paid to that account, which is told.
    """
    if type_ not in ACCOUNT_TYPES or is_sound(data["bank_account"]):
        return None
    return "the check digits of this IBAN are wrong, so no bank can know the account; ask the operator for it again"


@named_value
class AccountDecided(Fact):
    """`bank_account.proposed` or `bank_account.confirmed`; `account` without what is not told."""

    type: str
    operator_id: str
    account: Mapping[str, str]
    by: str


def account_decided(type_: str, source: str, id_: str, data: Mapping[str, Any]) -> AccountDecided:
    """The fact that such a message states."""
    return AccountDecided(
        at=instant(data["at"]),
        source=source,
        id=id_,
        type=type_,
        operator_id=data["operator_id"],
        account={name: told for name, told in data["bank_account"].items() if told is not None},
        by=data["by"],
    )


@value
class Edit:
    """Somebody changed an operator's terms or account, or wants to, at a moment."""

    at: datetime
    by: str


@value
class _Proposal:
    account: Mapping[str, str]
    at: datetime
    by: str


@dataclass(slots=True)
class OperatorHistory:
    """What was published of an operator and decided about its account; `versions` have the account in effect.

    `published_by` names who published a version, by its source and id, where that is told.
    """

    cooling_off: timedelta = COOLING_OFF
    published: Versions[Operator] = field(default_factory=Versions)
    published_by: dict[tuple[str, str], str] = field(default_factory=dict)
    decided: list[AccountDecided] = field(default_factory=list)
    versions: Versions[Operator] = field(default_factory=Versions)
    refusals: list[DecisionRefused] = field(default_factory=list)
    lowered: list[Lowered] = field(default_factory=list)

    def publish(self, version: Version[Operator], by: str | None) -> datetime:
        """Take in a version; the first moment at which another may rule than before."""
        if by:
            self.published_by[version.source, version.id] = by
        changed_from = self.published.add(version)
        self._derive()
        return changed_from

    def decide(self, fact: AccountDecided) -> None:
        """Take in what somebody decided about the account."""
        insort(self.decided, fact, key=in_order)
        self._derive()

    def edits(self) -> Iterator[Edit]:
        """Who changed terms or account, or proposed or confirmed another account, and when."""
        for start, version in self.published.timeline:
            by = self.published_by.get((version.source, version.id))
            if by:
                yield from (Edit(at, by) for at in sorted({version.time, start}))
        yield from (Edit(fact.at, fact.by) for fact in self.decided)

    def _derive(self) -> None:
        terms = [version.value for _, version in self.published.timeline]
        if not (self.decided or any(each.confirms_account for each in terms) or any(map(lowered, terms, terms[1:]))):
            self.versions, self.refusals, self.lowered = self.published, [], []
            return
        walk = _Walk(self)
        self.versions, self.refusals, self.lowered = walk.versions(), walk.refused, walk.lowered


class _Walk:
    """One walk through versions and decisions by their own times."""

    def __init__(self, history: OperatorHistory) -> None:
        self.history = history
        self.timeline: list[tuple[datetime, Version[Operator]]] = []
        self.refused: list[DecisionRefused] = []
        self.account: Mapping[str, str] = {}
        self.proposal: _Proposal | None = None
        self.confirmed: tuple[datetime, AccountDecided] | None = None
        self.lowered: list[Lowered] = []
        # The terms that were published last, and those before them that count beside them, each until a moment.
        self.ruling: Operator | None = None
        self.guards: list[tuple[datetime, Operator]] = []

    def versions(self) -> Versions[Operator]:
        """The versions with the account in effect, and one more from each moment at which only that changes."""
        steps: list[tuple[datetime, int, str, str, Version[Operator] | AccountDecided]] = [
            (start, 0, each.source, each.id, each) for start, each in self.history.published.timeline
        ]
        steps += [(fact.at, 1, fact.source, fact.id, fact) for fact in self.history.decided]
        for at, _, _, _, step in sorted(steps, key=lambda each: each[:4]):
            self._bring(at)
            if isinstance(step, AccountDecided):
                self._decide(step)
            else:
                self._publish(at, step)
        self._bring(END)
        return self.history.published.with_timeline(self.timeline)

    def _bring(self, until: datetime) -> None:
        """What is over by a moment in its order: terms of before count no more, another account takes effect."""
        while self.guards and (at := min(each[0] for each in self.guards)) <= until:
            self._cool_off(at)
            self.guards = [each for each in self.guards if each[0] > at]
            _, last = self.timeline[-1]
            self._append(at, last.source, last.id, replace(last.value, guards=self._guards()))
        self._cool_off(until)

    def _cool_off(self, until: datetime) -> None:
        """Another account takes effect once its time has come."""
        if self.confirmed is None or self.confirmed[0] > until or not self.timeline:
            return
        at, fact = self.confirmed
        self.account, self.confirmed = fact.account, None
        self._append(at, fact.source, fact.id, replace(self.timeline[-1][1].value, bank_account=fact.account))

    def _append(self, at: datetime, source: str, id_: str, ruling: Operator) -> None:
        self.timeline.append((at, Version(at, source, id_, at, ruling)))

    def _guards(self) -> tuple[Operator, ...]:
        return tuple(terms for _, terms in self.guards)

    def _publish(self, at: datetime, version: Version[Operator]) -> None:
        told = version.value.bank_account
        if not self.timeline:
            self.account = told
        elif told != self.account and not self._takes_two(at, version):
            self.account, self.proposal, self.confirmed = told, None, None
        elif told != self.account and not self._is_known(told):
            by = self.history.published_by.get((version.source, version.id), "")
            self.proposal = _Proposal(told, at, by)
        self._guard(at, version)
        kept = version if told == self.account else _with_account(version, self.account)
        if self.guards:
            kept = replace(kept, value=replace(kept.value, guards=self._guards()))
        self.timeline.append((at, kept))

    def _guard(self, at: datetime, version: Version[Operator]) -> None:
        """Where terms ask for less than those before them, these count for a time as well."""
        before, self.ruling = self.ruling, version.value
        what = lowered(before, version.value) if before else ()
        if before and what:
            until = at + self.history.cooling_off
            by = self.history.published_by.get((version.source, version.id), "")
            self.guards.append((until, before))
            self.lowered.append(Lowered(at, version.source, version.id, by, until, what))

    def _takes_two(self, at: datetime, version: Version[Operator]) -> bool:
        """Whether the terms ask for it, or did within the cooling-off before: so that lifting it takes as long."""
        since = at - self.history.cooling_off
        ruled = version.value.confirms_account
        for start, each in reversed(self.timeline):
            ruled = ruled or each.value.confirms_account
            if start < since:
                break
        return ruled

    def _is_known(self, account: Mapping[str, str]) -> bool:
        proposed = self.proposal.account if self.proposal else None
        confirmed = self.confirmed[1].account if self.confirmed else None
        return account in (proposed, confirmed)

    def _decide(self, fact: AccountDecided) -> None:
        sentence = self._propose(fact) if fact.type == PROPOSED else self._confirm(fact)
        if sentence:
            self.refused.append(DecisionRefused(fact.source, fact.id, fact.type, fact.operator_id, fact.at, sentence))

    def _propose(self, fact: AccountDecided) -> str:
        """Why a proposal counts for nothing, "" where it does; the account in effect withdraws what is proposed."""
        if not self.timeline:
            return f"operator {fact.operator_id} was not registered by then"
        if fact.account == self.account:
            if self.proposal is None and self.confirmed is None:
                return f"that is the account of {fact.operator_id} already"
            self.proposal = self.confirmed = None
            return ""
        if self._is_known(fact.account):
            return f"that account of {fact.operator_id} is proposed already"
        self.proposal = _Proposal(fact.account, fact.at, fact.by)
        return ""

    def _confirm(self, fact: AccountDecided) -> str:
        """Why a confirmation counts for nothing, "" where it does."""
        proposal = self.proposal
        if proposal is None or proposal.account != fact.account:
            return f"nobody had proposed that account of {fact.operator_id} by then"
        if same_person(proposal.by, fact.by):
            return (
                f"{fact.by} proposed that account of {fact.operator_id} at {utc_text(proposal.at)}: another person "
                "has to confirm it"
            )
        self.proposal, self.confirmed = None, (fact.at + self.history.cooling_off, fact)
        return ""


def _with_account(version: Version[Operator], account: Mapping[str, str]) -> Version[Operator]:
    return replace(version, value=replace(version.value, bank_account=account))
