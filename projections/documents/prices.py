"""The price of a CDR as a document: OCPI's totals and, when asked for, how they came about."""

from typing import Any

from domain.rating.explanation import explained_lines, explained_rounding
from domain.rating.partner_cdr import PricedCdr
from domain.rating.pricing import ocpi_totals
from domain.rating.taxed_totals import ocpi_totals_2_3_0

OCPI_2_2_1, OCPI_2_3_0 = "2.2.1", "2.3.0"


def price_document(priced: PricedCdr, version: str | None, *, explain: bool) -> dict[str, Any]:
    """The totals that apply, numbers as Decimal, in the form of a version of OCPI or else of the tariff."""
    newer = any(tariff.tax_included for tariff, _ in priced.parts)
    wanted = version or (OCPI_2_3_0 if newer else OCPI_2_2_1)
    totals = (ocpi_totals_2_3_0 if wanted == OCPI_2_3_0 else ocpi_totals)(priced.rating, credit=priced.is_credit)
    found = {name: value for name, value in totals.items() if value is not None}
    return found | _explained(priced) if explain else found


def _explained(priced: PricedCdr) -> dict[str, Any]:
    """The lines of all parts, each naming its tariff where there are several, and the roundings."""
    lines: list[dict[str, Any]] = []
    first = 0
    for tariff, rating in priced.parts:
        numbers = priced.period_numbers[first : first + len(rating.periods)]
        made = explained_lines(rating, tariff, numbers)
        lines += [line | {"tariff_id": tariff.id} for line in made] if len(priced.parts) > 1 else made
        first += len(rating.periods)
    rounding = explained_rounding(priced.rating, priced.currency, priced.parts[-1][1])
    if priced.is_credit:
        rounding["negated"] = True
    return {"lines": lines, "rounding": rounding}
