"""The OCPI 2.3.0 Tariff (mod_tariffs), and the choice between it and that of 2.2.1 for tariffs that come in."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from contracts.ocpi import tariff as ocpi_2_2_1
from contracts.ocpi.tariff import (
    TariffTerms,
    limits_cross,
    must_not_have,
    never_valid,
    nothing_applies,
    refuse_fields,
)
from contracts.ocpi.values import UnsignedNumber
from contracts.values import Problem, Wire

# Tags of the two forms; no field has such a name, so that a path can leave them out.
FORM_2_2_1 = "(OCPI 2.2.1)"
FORM_2_3_0 = "(OCPI 2.3.0)"

TaxIncluded = Literal["YES", "NO", "N/A"]

_OLDER_NAMES = ("excl_vat", "incl_vat")
_OLDER = "belongs to OCPI 2.2.1 and cannot stand in a tariff of OCPI 2.3.0; send before_taxes and after_taxes"


class PriceLimit(Wire):
    """A price limit without and, where given, with taxes, in major units."""

    model_config = must_not_have(_OLDER_NAMES, _OLDER)

    before_taxes: UnsignedNumber
    after_taxes: UnsignedNumber | None = None

    @model_validator(mode="before")
    @classmethod
    def _is_of_its_version(cls, value: Any) -> Any:
        return refuse_fields(value, _OLDER_NAMES, _OLDER)


class _Terms(TariffTerms):
    """A tariff whose limits are those of 2.3.0."""

    min_price: PriceLimit | None = None
    max_price: PriceLimit | None = None

    @staticmethod
    def contradictions(fields: Any) -> Iterator[Problem]:
        """What makes the tariff one that can never be used."""
        yield from nothing_applies(fields)
        yield from never_valid(fields)
        yield from limits_cross(fields, ("before_taxes", "after_taxes"))


class Tariff(_Terms):
    """A tariff of OCPI 2.3.0 as we emit it: it says whether its prices include taxes."""

    tax_included: TaxIncluded


class LenientTariff(_Terms):
    """A tariff of OCPI 2.3.0 as it comes in: some leave `tax_included` out, as OCPI's own example does."""

    tax_included: TaxIncluded | None = None


def form_of(value: Any) -> str:
    """Which form a tariff is written in: only 2.3.0 has `tax_included`, and limits before and after taxes."""
    if isinstance(value, Wire):
        return FORM_2_3_0 if isinstance(value, LenientTariff) else FORM_2_2_1
    if not isinstance(value, dict):
        return FORM_2_2_1
    limits = [limit for name in ("min_price", "max_price") if isinstance(limit := value.get(name), dict)]
    newer = any(limit.get(name) is not None for limit in limits for name in PriceLimit.model_fields)
    return FORM_2_3_0 if newer or value.get("tax_included") is not None else FORM_2_2_1


def _either(schema: dict[str, Any]) -> None:
    """A tariff without limits and without `tax_included` is good in both forms."""
    schema["anyOf"] = schema.pop("oneOf")


AnyTariff = Annotated[
    Annotated[ocpi_2_2_1.Tariff, Tag(FORM_2_2_1)] | Annotated[LenientTariff, Tag(FORM_2_3_0)],
    Discriminator(form_of),
    Field(json_schema_extra=_either),
]
