"""CDRs of generated sessions and tariffs: valid, adding up to the cent, and priced by themselves to their totals."""

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.money import currency_exponent, to_minor_half_up
from domain.rating.periods import from_cdr
from domain.rating.pricing import price
from domain.rating.rating import Price
from domain.tariff.tariff import Tariff
from domain.tariff.taxes import Tax
from tests.cdr.cdr_builders import COSTS, GST, QST, check, emitted, gross_of, tariffs, volume_of
from tests.rating.test_price_properties import ZONES, facts
from tests.support.examples import examples


@settings(max_examples=examples(100), deadline=None)
@given(tariffs(), facts(), ZONES)
def test_both_versions_and_their_credits_satisfy_models_and_schemas(
    terms: dict[str, Any], session: dict[str, Any], zone: ZoneInfo
) -> None:
    cdr = emitted(terms, session, zone)
    check(cdr.older, "2.2.1")
    check(cdr.newer, "2.3.0")
    older, newer = cdr.credits()
    check(older, "2.2.1")
    check(newer, "2.3.0")


@settings(max_examples=examples(100), deadline=None)
@given(tariffs(), facts(), ZONES)
def test_volumes_parts_taxes_and_totals_add_up(
    terms: dict[str, Any], session: dict[str, Any], zone: ZoneInfo
) -> None:
    cdr = emitted(terms, session, zone)
    older, newer = cdr.older, cdr.newer
    exponent = currency_exponent(terms["currency"])
    assert volume_of(older, "ENERGY") == older["total_energy"]
    assert volume_of(older, "TIME", "PARKING_TIME", "RESERVATION_TIME") == older["total_time"]
    assert volume_of(older, "PARKING_TIME") == older.get("total_parking_time", 0)
    assert all(each["volume"] >= 0 for period in older["charging_periods"] for each in period["dimensions"])
    assert older["total_cost"]["excl_vat"] == Decimal(cdr.net_minor).scaleb(-exponent)
    assert older["total_cost"]["incl_vat"] == Decimal(cdr.gross_minor).scaleb(-exponent)
    parts = [name for name in COSTS if name in older]
    for name in ("total_cost", *parts):
        assert newer[name]["before_taxes"] == older[name]["excl_vat"]
        assert gross_of(newer[name]) == older[name]["incl_vat"]
    if "min_price" not in terms and "max_price" not in terms:
        for side in ("excl_vat", "incl_vat"):
            assert sum(older[name][side] for name in parts) == older["total_cost"][side]
        assert taxes_by_name(newer, ["total_cost"]) == taxes_by_name(newer, parts)


def taxes_by_name(cdr: dict[str, Any], names: list[str]) -> dict[tuple[Any, ...], Decimal]:
    """The taxes that are more than nothing, by what they are."""
    sums: dict[tuple[Any, ...], Decimal] = {}
    for tax in (tax for name in names for tax in cdr[name]["taxes"]):
        key = (tax["name"], tax.get("percentage"), tax.get("account_number"))
        sums[key] = sums.get(key, Decimal(0)) + tax["amount"]
    return {key: amount for key, amount in sums.items() if amount}


@settings(max_examples=examples(100), deadline=None)
@given(tariffs(), facts(), ZONES)
def test_pricing_a_cdr_by_its_own_tariff_gives_its_own_costs(
    terms: dict[str, Any], session: dict[str, Any], zone: ZoneInfo
) -> None:
    cdr = emitted(terms, session, zone)
    unit = Decimal(1).scaleb(-currency_exponent(terms["currency"]))
    for sent in (cdr.older, cdr.newer):
        again = price(Tariff.from_ocpi(sent["tariffs"][0]), from_cdr(sent), zone)
        of_parts = (again.fixed, again.energy, again.time, again.parking, again.reservation)
        for name, amount in zip(COSTS, of_parts, strict=True):
            assert (amount is None) == (name not in sent), name
            if amount is not None:
                assert off_by(cdr.older[name], amount) <= unit, name
        assert to_minor_half_up(again.total.excl_vat, terms["currency"]) == cdr.net_minor
        assert to_minor_half_up(again.total.incl_vat, terms["currency"]) == cdr.gross_minor


@settings(max_examples=examples(80), deadline=None)
@given(tariffs(), facts(), ZONES, st.sampled_from(["YES", "NO"]), st.sampled_from([(GST,), (GST, QST)]))
def test_taxes_that_were_configured_add_up_and_are_priced_again(
    terms: dict[str, Any], session: dict[str, Any], zone: ZoneInfo, included: str, taxes: tuple[Tax, ...]
) -> None:
    terms = {**terms, "tax_included": included}
    for bound in [terms[name] for name in ("min_price", "max_price") if name in terms]:
        bound |= {"before_taxes": bound.pop("excl_vat", 3), "after_taxes": bound.pop("incl_vat", 4)}
    for part in (part for listed in terms["elements"] for part in listed["price_components"]):
        part.pop("vat", None)
    cdr = emitted(terms, session, zone, taxes)
    check(cdr.older, "2.2.1")
    check(cdr.newer, "2.3.0")
    for name in (name for name in ("total_cost", *COSTS) if name in cdr.older):
        assert gross_of(cdr.newer[name]) == cdr.older[name]["incl_vat"]
        assert {tax["name"] for tax in cdr.newer[name]["taxes"]} <= {"GST", "QST", "VAT"}
    by_either = (
        (cdr.older, Tariff.from_ocpi(cdr.older["tariffs"][0])),
        (cdr.newer, Tariff.from_ocpi(cdr.newer["tariffs"][0], taxes)),
    )
    for sent, tariff in by_either:
        again = price(tariff, from_cdr(sent), zone)
        assert to_minor_half_up(again.total.excl_vat, terms["currency"]) == cdr.net_minor
        assert to_minor_half_up(again.total.incl_vat, terms["currency"]) == cdr.gross_minor


def off_by(cost: dict[str, Any], amount: Price) -> Decimal:
    """How far a cost in a CDR is from an exact amount, without or with VAT."""
    sides = ((cost["excl_vat"], amount.excl_vat), (cost["incl_vat"], amount.incl_vat))
    return max(
        abs(Decimal(stated) - Decimal(exact.numerator) / Decimal(exact.denominator)) for stated, exact in sides
    )
