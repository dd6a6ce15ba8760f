"""What one person proposes and another decides: the first proposal stands, and the first decision on it.

Both are told by time, source and id alone, so that they come in any order: a decision that is here before its
proposal is refused until that comes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from domain.book.refusals import DecisionRefused
from domain.matter.told import Told
from domain.people import same_person


@dataclass(slots=True)
class Decided:
    """The proposal that stands, the decision on it, and what counts for nothing."""

    proposal: Told | None = None
    verdict: Told | None = None
    refused: list[DecisionRefused] = field(default_factory=list)

    @property
    def is_approved(self) -> bool:
        """Whether another person approved it."""
        return self.verdict is not None and self.verdict.type.endswith(".approved")


def decided(noun: str, id_: str, proposals: Sequence[Told], verdicts: Iterable[Told]) -> Decided:
    """What proposals and decisions, each in their order, come to; `noun` is what it is in words."""
    found = Decided(proposals[0] if proposals else None)
    for again in proposals[1:]:
        sentence = f"{noun} {id_} was proposed before, by {proposals[0].by}: propose another under an id of its own"
        found.refused.append(again.refused(id_, sentence))
    for verdict in verdicts:
        why_not = _why_not(noun, id_, found, verdict)
        if why_not is None:
            found.verdict = verdict
        else:
            found.refused.append(verdict.refused(id_, why_not))
    return found


def _why_not(noun: str, id_: str, found: Decided, verdict: Told) -> str | None:
    """Why a decision does not count; None where it does."""
    proposal, before = found.proposal, found.verdict
    if proposal is None:
        return f"{noun} {id_} was not proposed: it counts once it is"
    if verdict.at < proposal.at:
        return f"{noun} {id_} was not proposed by then: decide it again, after its proposal"
    if before is not None:
        return f"{noun} {id_} was {before.type.partition('.')[2]} before, by {before.by}: propose another to undo it"
    if verdict.type.endswith(".approved") and same_person(verdict.by, proposal.by):
        return f"{noun} {id_} was proposed by {proposal.by}, who may not approve it: another person has to"
    return None
