"""Taxes in CDRs of 2.3.0: which they are, that they add up, and how little has to be stored for it."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from domain.cdr.document import credit_document
from domain.cdr.version_2_3_0 import cdr_2_3_0
from domain.tariff.taxes import Tax
from tests.cdr.cdr_builders import GST, QST, Emitted, as_read, emitted, newer
from tests.rating.rating_builders import AMSTERDAM, IDLE, MORNING, component, document, element

HOUR = timedelta(hours=1)


def told(terms: dict[str, Any], wh: int = 1432, taxes: tuple[Tax, ...] = (), **facts: Any) -> Emitted:
    """The CDR of two hours, of which the vehicle charged one."""
    session = {
        "started_at": MORNING,
        "ended_at": MORNING + 2 * HOUR,
        "registers": [(MORNING, 0), (MORNING + HOUR, wh), (MORNING + 2 * HOUR, wh)],
        "states": [(MORNING + HOUR, IDLE)],
        **facts,
    }
    return emitted(terms, session, AMSTERDAM, taxes)


def vat(percentage: float | str, amount: str) -> dict[str, Any]:
    return {"name": "VAT", "percentage": Decimal(str(percentage)), "amount": Decimal(amount)}


def test_one_rate_needs_nothing_stored() -> None:
    cdr = told(document(element(component("ENERGY", 0.49, vat=21), component("PARKING_TIME", 2, vat=21))))
    assert cdr.taxes is None
    assert cdr.newer["total_cost"] == {"before_taxes": Decimal("2.70"), "taxes": [vat(21, "0.57")]}
    assert cdr.newer["total_energy_cost"]["taxes"] == [vat(21, "0.15")]
    assert cdr.newer["total_parking_cost"]["taxes"] == [vat(21, "0.42")]


def test_no_vat_is_no_taxes_and_a_vat_of_nothing_is_one() -> None:
    without = told(document(element(component("ENERGY", 0.49))))
    assert without.newer["total_cost"]["taxes"] == []
    at_zero = told(document(element(component("ENERGY", 0.49, vat=0))))
    assert at_zero.newer["total_cost"]["taxes"] == [vat(0, "0")]
    assert without.taxes is at_zero.taxes is None


def test_several_rates_are_told_rate_by_rate() -> None:
    terms = document(element(component("ENERGY", 0.49, vat=9), component("PARKING_TIME", 2, vat=21)))
    cdr = told(terms)
    assert cdr.newer["total_energy_cost"]["taxes"] == [vat(9, "0.06")]
    assert cdr.newer["total_parking_cost"]["taxes"] == [vat(21, "0.42")]
    assert cdr.newer["total_cost"]["taxes"] == [vat(9, "0.06"), vat(21, "0.42")]
    assert cdr.taxes == {
        "of": [["VAT", "9", None], ["VAT", "21", None]],
        "total_energy_cost": [[0, 6]],
        "total_parking_cost": [[1, 42]],
    }


def test_what_bears_no_tax_beside_what_does_has_none() -> None:
    cdr = told(document(element(component("ENERGY", 0.333), component("PARKING_TIME", 2, vat=21))))
    assert cdr.older["total_energy_cost"]["excl_vat"] == cdr.older["total_energy_cost"]["incl_vat"]
    assert cdr.newer["total_energy_cost"]["taxes"] == []
    assert cdr.newer["total_cost"]["taxes"] == cdr.newer["total_parking_cost"]["taxes"]


def test_a_rate_that_was_not_used_does_not_show() -> None:
    terms = document(
        element(component("ENERGY", 0.49, vat=9), max_kwh=500), element(component("ENERGY", 0.4, vat=21))
    )
    cdr = told(terms)
    assert cdr.taxes == {"of": [["VAT", "9", None]]}
    assert cdr.newer["total_cost"]["taxes"] == [vat(9, "0.06")]


def test_configured_taxes_are_told_with_name_and_account() -> None:
    cdr = told(newer(document(element(component("ENERGY", 1))), "NO"), 10_000, (GST, QST))
    assert cdr.newer["total_cost"]["taxes"] == [
        {"name": "GST", "account_number": "R 123", "percentage": 5, "amount": Decimal("0.5")},
        {"name": "QST", "account_number": "Q 7", "percentage": Decimal("9.975"), "amount": Decimal("1")},
    ]
    assert cdr.older["total_cost"] == {"excl_vat": 10, "incl_vat": Decimal("11.5")}


def test_one_tax_with_a_name_of_its_own_is_stored_alone() -> None:
    cdr = told(newer(document(element(component("ENERGY", 1))), "NO"), 10_000, (GST,))
    assert cdr.taxes == {"of": [["GST", "5", "R 123"]]}
    assert cdr.newer["total_cost"]["taxes"][0]["account_number"] == "R 123"


def test_the_last_tax_takes_what_a_minimum_added() -> None:
    components = (component("ENERGY", 0.49, vat=9), component("PARKING_TIME", 2, vat=21))
    cdr = told(document(element(*components), min_price={"excl_vat": 10, "incl_vat": 12}))
    assert cdr.newer["total_cost"] == {"before_taxes": 10, "taxes": [vat(9, "0.06"), vat(21, "1.94")]}


def test_a_maximum_leaves_no_tax_below_nothing() -> None:
    components = (component("ENERGY", 9, vat=9), component("PARKING_TIME", 2, vat=21))
    cdr = told(document(element(*components), max_price={"excl_vat": 1, "incl_vat": 1.10}))
    assert cdr.newer["total_cost"]["taxes"] == [vat(9, "0.1"), vat(21, "0")]


def test_a_tax_that_only_a_bound_knows_has_no_percentage() -> None:
    cdr = told(document(element(component("ENERGY", 0.49)), min_price={"excl_vat": 10, "incl_vat": 12}))
    assert cdr.newer["total_cost"]["taxes"] == [{"name": "VAT", "amount": 2}]


def test_a_credit_negates_each_tax_of_the_total_alone() -> None:
    terms = document(element(component("ENERGY", 0.49, vat=9), component("PARKING_TIME", 2, vat=21)))
    cdr = told(terms)
    _, credit = cdr.credits()
    assert credit["total_cost"] == {"before_taxes": Decimal("-2.7"), "taxes": [vat(9, "-0.06"), vat(21, "-0.42")]}
    assert credit["total_parking_cost"] == cdr.newer["total_parking_cost"]
    assert (credit["id"], credit["credit"], credit["credit_reference_id"]) == ("c-1-C", True, "c-1")


def test_a_credit_of_one_rate_is_negative_as_well() -> None:
    cdr = told(document(element(component("ENERGY", 0.49, vat=21))))
    _, credit = cdr.credits()
    assert credit["total_cost"] == {"before_taxes": Decimal("-0.7"), "taxes": [vat(21, "-0.15")]}


def test_a_cdr_that_was_issued_before_taxes_were_kept_tells_a_vat_without_percentage() -> None:
    cdr = told(document(element(component("ENERGY", 0.49, vat=9), component("PARKING_TIME", 2, vat=21))))
    before = as_read(cdr_2_3_0(cdr.older, None, None))
    assert before["total_cost"]["taxes"] == [{"name": "VAT", "amount": Decimal("0.48")}]
    credit = as_read(cdr_2_3_0(credit_document(cdr.older, MORNING), None, None))
    assert credit["total_cost"]["taxes"] == [{"name": "VAT", "amount": Decimal("-0.48")}]


def test_all_but_prices_and_tariffs_is_the_same_in_both_versions() -> None:
    cdr = told(
        document(element(component("ENERGY", 0.49, vat=21))),
        registers=[(MORNING, Fraction(0)), (MORNING + 2 * HOUR, 900)],
    )
    priced = {name for name in cdr.older if name.endswith("_cost")}
    assert cdr.newer.keys() == cdr.older.keys()
    same = cdr.older.keys() - priced - {"tariffs"}
    assert {name: cdr.newer[name] for name in same} == {name: cdr.older[name] for name in same}
