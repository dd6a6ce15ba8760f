"""Adjustments: one person proposes to give an operator an amount or to take it, another approves (J45, J46).

The entry acts when it was approved, and its line comes with the next run, a negative one too.
"""

from collections.abc import Sequence

from domain.book.matter_bookings import AdjustmentCharged, AdjustmentGranted
from domain.matter.judgement import Head, Judgement, MatterJudged, MatterKind, MatterState, Surroundings, not_known
from domain.matter.orphans import about_nothing
from domain.matter.told import Told, of_types
from domain.matter.two_people import Decided, decided

KEY = "adjustment"
_VERDICTS = ("adjustment.approved", "adjustment.rejected")


def judge_adjustment(told: Sequence[Told], around: Surroundings) -> Judgement:
    """What should be of an adjustment by all that was said of it."""
    id_ = told[0].data["adjustment_id"]
    proposals = of_types(told, "adjustment.proposed")
    found = decided("adjustment", id_, proposals, of_types(told, *_VERDICTS))
    judgement = Judgement(refused=found.refused)
    proposal, verdict = found.proposal, found.verdict
    if proposal is None:
        judgement.findings.append(about_nothing("adjustment", id_, of_types(told, *_VERDICTS)))
        return judgement
    if verdict is not None and found.is_approved and around.terms(verdict.at) is None:
        judgement.refused.append(verdict.refused(id_, not_known(proposal.data["operator_id"])))
        found.verdict = verdict = None
    if verdict is not None and found.is_approved:
        head, amount = _head(proposal, verdict), proposal.minor()
        if proposal.data["direction"] == "CREDIT":
            judgement.bookings.append(AdjustmentGranted(**head, share=KEY, matured=True, amount=amount))
        else:
            judgement.bookings.append(AdjustmentCharged(**head, share=KEY, matured=True, amount=amount))
    judgement.judged = _judged(id_, proposal, found)
    return judgement


def _head(proposal: Told, verdict: Told) -> Head:
    data = proposal.data
    return {
        "key": KEY,
        "effective_at": verdict.at,
        "currency": data["amount"]["currency"],
        "operator_id": data["operator_id"],
        "session_id": data.get("session_id"),
    }


def _judged(id_: str, proposal: Told, found: Decided) -> MatterJudged:
    data, verdict = proposal.data, found.verdict
    names = ("direction", "reason_code", "note", "session_id", "attachment_sha256")
    return MatterJudged(
        MatterKind.ADJUSTMENT,
        id_,
        data["operator_id"],
        state_of(found),
        data["amount"]["currency"],
        proposal.minor(),
        proposal.at,
        proposal.by,
        verdict.at if verdict else None,
        verdict.by if verdict else None,
        verdict.data.get("reason") if verdict else None,
        details={name: data[name] for name in names if data.get(name) is not None},
    )


def state_of(found: Decided) -> MatterState:
    """Where what two people decide stands."""
    if found.verdict is None:
        return MatterState.PROPOSED
    return MatterState.APPROVED if found.is_approved else MatterState.REJECTED
