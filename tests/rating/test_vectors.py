"""Published and derived OCPI pricing cases: every total to four decimals."""

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from domain.rating.consumption import parking_takes_the_step
from domain.rating.periods import from_cdr
from domain.rating.pricing import ocpi_totals, price
from domain.tariff.restrictions import range_within
from domain.tariff.tariff import Tariff

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "vectors" / "tariffs"
FILES = sorted(VECTORS.glob("*.json"))
TOLERANCE = Decimal("0.0001")
# Where the specification is silent or contradicts itself: the function that decides, and how.
CONTESTED: dict[str, tuple[Callable[..., object], str]] = {
    "37-charge-park-charge": (parking_takes_the_step, "billed parking takes the step wherever it stands"),
    "39-missing-power-dimension": (range_within, "what was not measured counts as met"),
}


def totals_of(case: dict[str, Any]) -> dict[str, Any]:
    rating = price(Tariff.from_ocpi(case["tariff"]), from_cdr(case["cdr"]), ZoneInfo(case["timezone"]))
    return ocpi_totals(rating, credit=case["cdr"].get("credit", False))


def differences(expected: dict[str, Any], totals: dict[str, Any]) -> list[str]:
    """Every total that is further than the tolerance from what is expected; total_time null is not asserted."""
    found = []
    for name, wanted in expected.items():
        got = totals[name]
        if wanted is None:
            agrees = got is None or name == "total_time"
        elif isinstance(wanted, dict):
            agrees = got is not None and all(
                abs(got[side] - Decimal(str(wanted[side]))) <= TOLERANCE for side in wanted
            )
        else:
            agrees = got is not None and abs(got - Decimal(str(wanted))) <= TOLERANCE
        if not agrees:
            found.append(f"{name}: expected {wanted}, got {got}")
    return found


@pytest.mark.skipif(not VECTORS.is_dir(), reason="the pricing vectors are not beside the project")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_published_case_is_priced_as_expected(path: Path, record_property: Callable[[str, object], None]) -> None:
    case = json.loads(path.read_text(encoding="utf-8"))
    found = differences(case["expected"], totals_of(case))
    if case["contested"]:
        record_property("contested", CONTESTED[path.stem][1])
    assert not found


@pytest.mark.skipif(not VECTORS.is_dir(), reason="the pricing vectors are not beside the project")
def test_the_published_cases_are_all_there() -> None:
    assert len(FILES) >= 39


@pytest.mark.skipif(not VECTORS.is_dir(), reason="the pricing vectors are not beside the project")
def test_every_contested_case_has_a_named_decision_that_says_where_the_specification_leaves_it_open() -> None:
    contested = {path.stem for path in FILES if json.loads(path.read_text(encoding="utf-8"))["contested"]}
    assert contested == CONTESTED.keys()
    assert all("OCPI mod_cdrs" in (decide.__doc__ or "") for decide, _ in CONTESTED.values())


@pytest.mark.skipif(not VECTORS.is_dir(), reason="the pricing vectors are not beside the project")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_published_case_in_the_form_of_2_3_0_comes_to_the_same_with_taxes_included_or_not(path: Path) -> None:
    case = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    own = totals_of(case)
    for tax_included in ("NO", "YES"):
        assert totals_of(case | {"tariff": newer(case["tariff"], tax_included)}) == own


def newer(tariff: dict[str, Any], tax_included: str) -> dict[str, Any]:
    """The same tariff in the form of OCPI 2.3.0; without a rate it is one of zero per cent."""

    def component(old: dict[str, Any]) -> dict[str, Any]:
        vat = Decimal(old.get("vat") or 0)
        price = Decimal(old["price"])
        return old | {"vat": vat, "price": price * (100 + vat) / 100 if tax_included == "YES" else price}

    names = {"excl_vat": "before_taxes", "incl_vat": "after_taxes"}
    limits = {
        name: {names[side]: amount for side, amount in tariff[name].items()}
        for name in ("min_price", "max_price")
        if tariff.get(name)
    }
    elements = [
        {**element, "price_components": [component(old) for old in element["price_components"]]}
        for element in tariff["elements"]
    ]
    return {**tariff, **limits, "elements": elements, "tax_included": tax_included}
