"""Optional terms of an operator: in whose name its sessions are sold, its taxes, and who bears what goes wrong."""

from typing import Literal

from contracts.amounts import Percent
from contracts.countries import KnownCountry
from contracts.values import Identifier, Wire


class PurchaseTax(Wire):
    """How the platform buys from the operator where it sells in its own name; `percent` of the net."""

    treatment: Literal["DOMESTIC", "REVERSE_CHARGE", "NONE"]
    percent: Percent
    jurisdiction: KnownCountry


class CommissionTax(Wire):
    """How the commission is taxed, at `commission.vat_percent`; without `jurisdiction` in the operator's country."""

    treatment: Literal["DOMESTIC", "REVERSE_CHARGE", "NONE"]
    jurisdiction: KnownCountry | None = None


class PartnerTax(Wire):
    """Where a roaming partner is established for VAT, and its VAT id.

    An id whose check digits are wrong is taken: its sessions are taxed as without one, and people are told.
    """

    country: KnownCountry
    vat_id: Identifier | None = None


class OperatorTax(PartnerTax):
    """Where an operator is established for VAT, its VAT id, and how it is bought from and charged a commission."""

    purchase: PurchaseTax | None = None
    commission: CommissionTax | None = None


class DealingTerms(Wire):
    """In whose name sessions are sold (AGENT without it), with which taxes, and who bears what goes wrong."""

    model: Literal["AGENT", "PRINCIPAL"] | None = None
    tax: OperatorTax | None = None
    dispute_fee_bearer: Literal["PLATFORM", "OPERATOR"] | None = None
    payment_failure_bearer: Literal["OPERATOR", "PLATFORM"] | None = None
