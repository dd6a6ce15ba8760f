"""The OCPI 2.3.0 CDR as we emit it (mod_cdrs; types, Price and TaxAmount): as 2.2.1, with taxes told one by one.

A price has its amount before taxes and each tax; what it is with taxes is their sum, which no field repeats.
"""

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from contracts.ocpi.cdr import CONNECTOR_TYPES, NOT_AVAILABLE, CdrNumber, CdrPlace, CdrTerms, Exact
from contracts.ocpi.tariff_2_3_0 import Tariff
from contracts.values import Many, bad_value

# An OpenEnum there: parties may agree on more, and what we emit is what the text names.
CONNECTOR_TYPES_2_3_0 = CONNECTOR_TYPES | {"MCS", "SAE_J3400"}


def _known_standard(value: str) -> str:
    if value != NOT_AVAILABLE and value not in CONNECTOR_TYPES_2_3_0:
        raise bad_value("is not an OCPI 2.3.0 ConnectorType")
    return value


ConnectorType = Annotated[
    str,
    AfterValidator(_known_standard),
    Field(json_schema_extra={"enum": [*sorted(CONNECTOR_TYPES_2_3_0), NOT_AVAILABLE]}),
]


class TaxAmount(Exact):
    """One tax of a price, in major units; `percentage` of the amount before taxes."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    account_number: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = None
    percentage: CdrNumber | None = None
    amount: CdrNumber


class Price(Exact):
    """A cost in major units without taxes, and the taxes on it; negative in a credit CDR's total."""

    before_taxes: CdrNumber
    taxes: Many[TaxAmount] = ()


class CdrLocation(CdrPlace):
    """Where the session was, with a connector that OCPI 2.3.0 knows."""

    connector_standard: ConnectorType


class Cdr(CdrTerms):
    """A charge detail record; with `credit`, the record that takes another one back whole."""

    cdr_location: CdrLocation
    tariffs: Many[Tariff] | None = None
    total_cost: Price
    total_fixed_cost: Price | None = None
    total_energy_cost: Price | None = None
    total_time_cost: Price | None = None
    total_parking_cost: Price | None = None
    total_reservation_cost: Price | None = None

    @model_validator(mode="after")
    def _credit_is_not_above_zero(self) -> "Cdr":
        if not self.credit:
            return self
        if self.total_cost.before_taxes > 0:
            raise bad_value("is above zero in a credit CDR", "total_cost.before_taxes")
        for number, tax in enumerate(self.total_cost.taxes):
            if tax.amount > 0:
                raise bad_value("is above zero in a credit CDR", f"total_cost.taxes[{number}].amount")
        return self
