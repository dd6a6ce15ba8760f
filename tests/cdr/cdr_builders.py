"""Builders of CDRs in both versions, and strategies for the tariffs and sessions that they are of."""

import json
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema
from hypothesis import strategies as st

from contracts.ocpi import cdr as cdr_model_2_2_1
from contracts.ocpi import cdr_2_3_0 as cdr_model_2_3_0
from contracts.schemas import ocpi_schema
from domain.cdr.document import cdr_document, credit_document
from domain.cdr.taxes import taxes_to_store
from domain.cdr.version_2_3_0 import cdr_2_3_0
from domain.money import to_minor_half_up
from domain.rating.periods import split
from domain.rating.pricing import price
from domain.rating.rating import Rating
from domain.tariff.tariff import Tariff
from domain.tariff.taxes import Tax
from ledger.events.codec import dump
from tests.rating.rating_builders import MORNING, component, document, element
from tests.rating.test_cdr import LOCATION, TOKEN, source

MODELS: dict[str, Any] = {"2.2.1": cdr_model_2_2_1.Cdr, "2.3.0": cdr_model_2_3_0.Cdr}
COSTS = ("total_fixed_cost", "total_energy_cost", "total_time_cost", "total_parking_cost", "total_reservation_cost")
GST, QST = Tax("GST", Fraction(5), "R 123"), Tax("QST", Fraction("9.975"), "Q 7")
CURRENCIES = st.sampled_from(["EUR", "EUR", "JPY", "KWD"])

BANDS = st.sampled_from(
    [
        {},
        {"start_time": "09:15", "end_time": "17:00"},
        {"start_time": "22:00", "end_time": "06:00"},
        {"min_kwh": 3},
        {"max_kwh": 2.5},
        {"max_duration": 3600},
        {"min_duration": 1800, "max_duration": 20_000},
        {"day_of_week": ["TUESDAY", "SATURDAY"]},
        {"min_power": 7},
        {"max_power": 11},
    ]
)
RATES = st.none() | st.sampled_from([0, 5.2, 9, 21])


def newer(terms: dict[str, Any], tax_included: str) -> dict[str, Any]:
    """A tariff of 2.2.1 rewritten as 2.3.0: the same numbers, with or without their taxes."""
    limits: dict[str, Any] = {
        name: {"before_taxes": terms[name]["excl_vat"], "after_taxes": terms[name]["incl_vat"]}
        for name in ("min_price", "max_price")
        if name in terms
    }
    return {**terms, **limits, "tax_included": tax_included}


@st.composite
def tariffs(draw: st.DrawFn) -> dict[str, Any]:
    """Tariffs as they are published, of both versions; with taxes included every component states its VAT."""
    tax_included = draw(st.none() | st.sampled_from(["YES", "NO", "N/A"]))
    rates = draw(st.sampled_from([RATES, st.just(21), st.none()])) if tax_included != "YES" else st.just(19)
    prices = st.decimals(0, 9, places=4).map(str).map(float)
    components = st.builds(
        component,
        st.sampled_from(["ENERGY", "TIME", "PARKING_TIME", "FLAT"]),
        prices,
        rates,
        st.sampled_from([1, 1, 60, 300]),
    )
    listed = draw(st.lists(st.tuples(st.lists(components, min_size=1, max_size=3), BANDS), min_size=1, max_size=4))
    elements = [element(*each, **restrictions) for each, restrictions in listed]
    if draw(st.booleans()):
        elements.append(element(component("TIME", draw(prices), draw(rates)), reservation="RESERVATION"))
    bounds: dict[str, Any] = draw(
        st.sampled_from(
            [
                {},
                {},
                {"min_price": {"excl_vat": 3, "incl_vat": 4}},
                {"max_price": {"excl_vat": 3, "incl_vat": 3.63}},
            ]
        )
    )
    terms = document(*elements, currency=draw(CURRENCIES), **bounds)
    return terms if tax_included is None else newer(terms, tax_included)


@dataclass(frozen=True)
class Emitted:
    """A CDR as it goes out in both versions, parsed with exact numbers, and what it was made of."""

    older: dict[str, Any]
    newer: dict[str, Any]
    rating: Rating
    net_minor: int
    gross_minor: int
    taxes: dict[str, Any] | None

    def credits(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Its credit CDR in both versions."""
        credit = credit_document(self.older, MORNING + timedelta(days=9))
        return as_read(credit), as_read(cdr_2_3_0(credit, self.taxes, None))


def emitted(
    terms: dict[str, Any], session: dict[str, Any], zone: ZoneInfo, taxes: tuple[Tax, ...] = (), **fields: Any
) -> Emitted:
    """Rate a raw session and make its CDR; the numbers are read back from JSON, as a partner does."""
    tariff = Tariff.from_ocpi(terms, taxes)
    rating = price(tariff, split(tariff=tariff, time_zone=zone, **session), zone)
    currency = terms["currency"]
    net_minor = to_minor_half_up(rating.total.excl_vat, currency)
    gross_minor = to_minor_half_up(rating.total.incl_vat, currency)
    given = {"registers": session["registers"], "location": LOCATION, "token": TOKEN, "taxes": taxes} | fields
    made = cdr_document(source(rating, terms, **given))
    stored = taxes_to_store(rating, made)
    stored = None if stored is None else json.loads(dump(stored))
    older = as_read(made)
    return Emitted(older, as_read(cdr_2_3_0(older, stored, terms)), rating, net_minor, gross_minor, stored)


def as_read(cdr: dict[str, Any]) -> dict[str, Any]:
    """A CDR by way of its JSON, with Decimals for numbers."""
    read: dict[str, Any] = json.loads(dump(cdr), parse_float=Decimal)
    return read


def check(cdr: dict[str, Any], version: str) -> None:
    """Fail unless a CDR satisfies the strict model of its version and the JSON Schema that goes out with it."""
    text = dump(cdr)
    MODELS[version].model_validate(json.loads(text))
    _validator(version).validate(json.loads(text))


@cache
def _validator(version: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(ocpi_schema("cdr", version))


def volume_of(cdr: dict[str, Any], *kinds: str) -> Decimal:
    """The sum of a dimension, or of several, over all charging periods."""
    dimensions = [dimension for period in cdr["charging_periods"] for dimension in period["dimensions"]]
    return sum((Decimal(each["volume"]) for each in dimensions if each["type"] in kinds), Decimal(0))


def gross_of(cost: dict[str, Any]) -> Decimal:
    """What a Price of 2.3.0 comes to with its taxes."""
    return sum((Decimal(tax["amount"]) for tax in cost["taxes"]), Decimal(cost["before_taxes"]))
