"""What is found of a session's CDRs: invoices that bill them in vain, disputes and outcomes without effect."""

from collections.abc import Iterator, Sequence

from domain.book.findings import Finding, FindingKind
from domain.fact import in_order
from domain.session.cdr_disputes import Disputable, Idle, disputes_of
from domain.session.decisions import IssuedCdr
from domain.session.roaming_book import RoamingCdrs, first_accepted
from domain.session.roaming_facts import CdrDisputed, CdrInvoiced
from domain.session.scope import BookScope


def partner_findings(scope: BookScope, cdrs: RoamingCdrs) -> Iterator[Finding]:
    """Of each CDR that went out, what was told of it and has no effect (yet)."""
    if not cdrs.told:
        return
    for cdr in cdrs.issued:
        accepted_at = first_accepted(cdr, cdrs.partner, cdrs.answers)
        yield from _invoices(scope, cdr, cdrs, is_accepted=accepted_at is not None)
        about = Disputable(cdr.cdr_id, cdrs.partner.partner, scope.currency or "", cdr.key[2], accepted_at)
        for idle in disputes_of(about, cdrs.told.disputes, cdrs.told.closes).idle:
            yield _idle(scope, cdr, idle)


def _invoices(scope: BookScope, cdr: IssuedCdr, cdrs: RoamingCdrs, *, is_accepted: bool) -> Iterator[Finding]:
    partner = cdrs.partner.partner
    told = sorted((fact for fact in cdrs.told.invoiced if fact.cdr_id == cdr.cdr_id), key=in_order)
    own = [fact for fact in told if fact.partner == partner]
    for fact in told:
        why = _why_not(fact, own, cdr, partner, is_accepted=is_accepted)
        if why:
            sentence = (
                f"invoice {fact.invoice_id} to {fact.partner} names CDR {cdr.cdr_id} and does not bill it: {why}"
            )
            key = f"invoice:{fact.source}:{fact.id}"
            yield Finding(
                FindingKind.CDR_INVOICE_WITHOUT_EFFECT, key, cdr.cdr_id, scope.operator_id, fact.at, sentence
            )


def _why_not(
    fact: CdrInvoiced, own: Sequence[CdrInvoiced], cdr: IssuedCdr, partner: str, *, is_accepted: bool
) -> str:
    if fact.partner != partner:
        return f"it was sent to {partner}"
    if own[0].invoice_id != fact.invoice_id:
        return f"invoice {own[0].invoice_id} bills it already"
    if cdr.credited_at is not None and fact.at >= cdr.credited_at:
        return "it was credited before"
    return "" if is_accepted else "the partner has not accepted it"


def _idle(scope: BookScope, cdr: IssuedCdr, idle: Idle) -> Finding:
    fact = idle.fact
    what = f"dispute {fact.dispute_id} of CDR {cdr.cdr_id} by {fact.partner}"
    opens = isinstance(fact, CdrDisputed)
    amount = fact.amount if isinstance(fact, CdrDisputed) else None
    return Finding(
        FindingKind.CDR_DISPUTE_WITHOUT_EFFECT,
        f"dispute:{fact.source}:{fact.id}",
        fact.dispute_id,
        scope.operator_id,
        fact.at,
        f"{what if opens else f'the outcome of {what}'} has no effect: {idle.why}",
        currency=fact.currency if isinstance(fact, CdrDisputed) else None,
        amount=amount,
    )
