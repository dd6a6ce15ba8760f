"""In whose name an operator's sessions are sold, and the taxes of that: what its terms say of both.

An AGENT collects what is the operator's; a PRINCIPAL sells to the driver or the partner in its own name, and buys
from the operator by self-billing. What is due where is in the terms, never in code; an adviser has to confirm it.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from fractions import Fraction
from typing import Any, TypeAlias

from domain.money import plain
from domain.values import value

# Whether a VAT id of a country has the form and the check digits that ids have there.
VatIds: TypeAlias = Callable[[str, str], bool]


def no_vat_ids(_country: str, _vat_id: str) -> bool:
    """Nothing is known of VAT ids: none is valid."""
    return False


class Model(StrEnum):
    """Who sells to the driver or partner: the operator, for whom the platform collects, or the platform itself."""

    AGENT = "AGENT"
    PRINCIPAL = "PRINCIPAL"


class Treatment(StrEnum):
    """Who owes the VAT of a supply: the seller, the buyer in its place, or nobody."""

    DOMESTIC = "DOMESTIC"
    REVERSE_CHARGE = "REVERSE_CHARGE"
    NONE = "NONE"


@value
class VatIdentity:
    """Where somebody is established for VAT, and its id there; `is_valid`: the check digits of the id are right."""

    country: str
    vat_id: str | None
    is_valid: bool

    @classmethod
    def from_data(cls, data: Mapping[str, Any], vat_ids: VatIds) -> "VatIdentity":
        """From `tax` of an operator or a partner."""
        country, vat_id = data["country"], data.get("vat_id")
        return cls(country, vat_id, vat_id is not None and vat_ids(country, vat_id))


@value
class PurchaseTax:
    """How the platform buys from the operator: `percent` is of the net, due in `jurisdiction`."""

    treatment: Treatment
    percent: Fraction
    jurisdiction: str


@value
class CommissionTax:
    """How the commission is taxed; without a jurisdiction in the operator's country."""

    treatment: Treatment
    jurisdiction: str | None


@value
class TaxTerms:
    """The taxes that an operator's terms tell: its identity, and how purchase and commission are treated."""

    identity: VatIdentity
    purchase: PurchaseTax | None
    commission: CommissionTax | None

    @classmethod
    def from_data(cls, data: Mapping[str, Any], vat_ids: VatIds) -> "TaxTerms":
        """From `tax` of `operator.registered` or `operator.changed`."""
        purchase, commission = data.get("purchase"), data.get("commission")
        return cls(
            VatIdentity.from_data(data, vat_ids),
            PurchaseTax(
                Treatment(purchase["treatment"]), Fraction(str(purchase["percent"])), purchase["jurisdiction"]
            )
            if purchase
            else None,
            CommissionTax(Treatment(commission["treatment"]), commission.get("jurisdiction")) if commission else None,
        )


@value
class Dealing:
    """In whose name sessions are sold, with which taxes, and who bears what goes wrong with payments.

    `tax` is None where the terms tell none: accounts of VAT have no dimension then.
    """

    model: Model = Model.AGENT
    tax: TaxTerms | None = None
    operator_bears_dispute_fees: bool = False
    platform_bears_failures: bool = False

    @property
    def is_principal(self) -> bool:
        """Whether the platform sells in its own name."""
        return self.model is Model.PRINCIPAL

    @classmethod
    def from_data(cls, data: Mapping[str, Any], vat_ids: VatIds = no_vat_ids) -> "Dealing":
        """From the data of `operator.registered` or `operator.changed`; most terms tell nothing of it."""
        tax = data.get("tax")
        found = cls(
            Model(data.get("model") or Model.AGENT),
            TaxTerms.from_data(tax, vat_ids) if tax else None,
            data.get("dispute_fee_bearer") == "OPERATOR",
            data.get("payment_failure_bearer") == "PLATFORM",
        )
        return AS_AGENT if found == AS_AGENT else found


# Terms that tell nothing of it, as most do: one value, known by being it.
AS_AGENT = Dealing()


def vat_at(country: str, percent: Fraction) -> str:
    """The dimension of an account of VAT: where it is due and at which rate, such as `DE-19` or `FR-5.5`."""
    return f"{country}-{plain(percent)}"
