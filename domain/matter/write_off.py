"""Write-offs: one person proposes to give up what an account is left with, another approves.

The account says what is booked: J50 for what an operator owes, J22 for a partner's invoice, J54 for a provider's
difference, and against 5060, as adjustments are, what else is owed (J45) or nobody claims (J46).
"""

from collections.abc import Sequence

from domain.book.bookings import Booking
from domain.book.matter_bookings import (
    CreditWrittenOff,
    OperatorWrittenOff,
    PartnerWrittenOff,
    ProviderDifferenceWrittenOff,
    ReceivableWrittenOff,
)
from domain.matter.adjustment import state_of
from domain.matter.judgement import Head, Judgement, MatterJudged, MatterKind, Surroundings, not_known
from domain.matter.orphans import about_nothing
from domain.matter.told import Told, of_types
from domain.matter.two_people import Decided, decided

KEY = "write-off"
_VERDICTS = ("write_off.approved", "write_off.rejected")
_OF_OPERATORS = ("2010", "1230")
_OPERATOR, _PARTNER, _PROVIDER, _DRIVER = "2010", "1210", "1110", "1105"
# What the platform owes: written off in its favour.
_CREDITS = ("2080", "2410")


def operator_of(account: str) -> str:
    """The operator whose account it is; nothing where it is no operator's."""
    code, _, dimension = account.partition("/")
    return dimension if code in _OF_OPERATORS else ""


def judge_write_off(told: Sequence[Told], around: Surroundings) -> Judgement:
    """What should be of a write-off by all that was said of it."""
    id_ = told[0].data["write_off_id"]
    proposals = of_types(told, "write_off.proposed")
    found = decided("write-off", id_, proposals, of_types(told, *_VERDICTS))
    judgement = Judgement(refused=found.refused)
    proposal, verdict = found.proposal, found.verdict
    if proposal is None:
        judgement.findings.append(about_nothing("write-off", id_, of_types(told, *_VERDICTS)))
        return judgement
    operator_id = operator_of(proposal.data["account"])
    if verdict is not None and found.is_approved and operator_id and around.terms(verdict.at) is None:
        judgement.refused.append(verdict.refused(id_, not_known(operator_id)))
        found.verdict = verdict = None
    if verdict is not None and found.is_approved:
        judgement.bookings.append(_booking(proposal, verdict, operator_id))
    judgement.judged = _judged(id_, operator_id, proposal, found)
    return judgement


def _booking(proposal: Told, verdict: Told, operator_id: str) -> Booking:
    account, amount = proposal.data["account"], proposal.minor()
    code, _, dimension = account.partition("/")
    head: Head = {
        "key": KEY,
        "effective_at": verdict.at,
        "currency": proposal.data["amount"]["currency"],
        "operator_id": operator_id,
        "session_id": dimension if code == _DRIVER else proposal.data.get("session_id"),
    }
    if code == _OPERATOR:
        return OperatorWrittenOff(**head, share=KEY, matured=True, amount=amount)
    if code == _PARTNER:
        invoice_id = proposal.data.get("invoice_id") or ""
        return PartnerWrittenOff(**head, partner=dimension, amount=amount, invoice_id=invoice_id)
    if code == _PROVIDER:
        return ProviderDifferenceWrittenOff(**head, provider=dimension, amount=amount)
    if code in _CREDITS:
        return CreditWrittenOff(**head, account=account, amount=amount)
    return ReceivableWrittenOff(**head, account=account, amount=amount)


def _judged(id_: str, operator_id: str, proposal: Told, found: Decided) -> MatterJudged:
    data, verdict = proposal.data, found.verdict
    names = ("account", "reason_code", "note", "session_id", "invoice_id")
    return MatterJudged(
        MatterKind.WRITE_OFF,
        id_,
        operator_id,
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
