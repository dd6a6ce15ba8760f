"""VAT ids that do not prove what terms say by them: no supply of such a session is taxed by reverse charge."""

from collections.abc import Iterator

from domain.book.findings import Finding, FindingKind
from domain.catalogue.dealing import TaxTerms, Treatment, VatIdentity
from domain.catalogue.parties import Partner
from domain.session.contracting import Contract
from domain.session.scope import BookScope
from domain.session.supplies import Supplies, established, supplies_of


def vat_id_findings(scope: BookScope, contract: Contract) -> Iterator[Finding]:
    """Ids of the operator and of its partner that are wrong, or missing where they would decide who owes VAT."""
    supplies = supplies_of(contract)
    tax = contract.operator.dealing.tax
    if supplies is None or tax is None:
        return
    if _is_unproved(tax.identity, _asked(supplies, tax)):
        yield _finding(scope, contract, contract.operator.operator_id, tax.identity)
    partner = supplies.partner
    if partner is not None and supplies.is_principal and _is_unproved(partner.tax, _is_abroad(supplies, partner)):
        yield _finding(scope, contract, partner.partner, partner.tax)


def _asked(supplies: Supplies, tax: TaxTerms) -> bool:
    """Whether the operator's terms ask for reverse charge."""
    terms = tax.purchase if supplies.is_principal else tax.commission
    return terms is not None and terms.treatment is Treatment.REVERSE_CHARGE


def _is_abroad(supplies: Supplies, partner: Partner) -> bool:
    return established(partner) != supplies.seat


def _is_unproved(identity: VatIdentity | None, decides: bool) -> bool:
    if identity is None:
        return decides
    return not identity.is_valid and (decides or identity.vat_id is not None)


def _finding(scope: BookScope, contract: Contract, whose: str, identity: VatIdentity | None) -> Finding:
    vat_id = identity.vat_id if identity is not None else None
    why = "no VAT id is told" if vat_id is None else "the check digits of its VAT id are wrong"
    sentence = f"of {whose} {why}: session {scope.session_id} is taxed without reverse charge"
    return Finding(
        FindingKind.VAT_ID_NOT_VALID, f"vat-id:{whose}", whose, scope.operator_id, contract.start.at, sentence
    )
