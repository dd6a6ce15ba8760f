"""A CDR of OCPI 2.3.0, made of the one of 2.2.1 that was issued."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from domain.cdr.costs import major
from domain.cdr.tariff import tariff_2_3_0
from domain.cdr.taxes import PART_NAMES, TOTAL, TaxShare, taxes_in
from domain.exact import Exact
from domain.money import currency_exponent, plain


def cdr_2_3_0(
    document: Mapping[str, Any], taxes: Mapping[str, Any] | None, tariff: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The same CDR or credit CDR in OCPI 2.3.0 (mod_cdrs, CDR object): its prices name their taxes one by one.

    `document` is the CDR of 2.2.1 with Decimals for numbers, `taxes` what was stored beside it (see
    `domain.cdr.taxes`), `tariff` the tariff as it was published, None where that is not at hand: then the one in the
    document stands in for it. A credit CDR negates before_taxes and every tax of total_cost, as 2.2.1 has it of both
    sides of the amount. All else is the same in both versions.
    """
    exponent = currency_exponent(document["currency"])
    shares = taxes_in(document, taxes)
    found = dict(document)
    for name in (TOTAL, *PART_NAMES):
        if name in document:
            found[name] = {
                "before_taxes": document[name]["excl_vat"],
                "taxes": [_tax(share, exponent) for share in shares[name]],
            }
    if tariff is not None:
        found["tariffs"] = [tariff_2_3_0(tariff)]
    elif "tariffs" in document:
        found["tariffs"] = [tariff_2_3_0(each) for each in document["tariffs"]]
    return found


def _tax(share: TaxShare, exponent: int) -> dict[str, Any]:
    """A TaxAmount (OCPI 2.3.0 types)."""
    tax: dict[str, Any] = {"name": share.name}
    if share.account_number is not None:
        tax["account_number"] = share.account_number
    if share.percent is not None:
        tax["percentage"] = _decimal(share.percent)
    return {**tax, "amount": major(share.amount_minor, exponent)}


def _decimal(percent: Exact) -> Decimal:
    return Decimal(plain(percent))
