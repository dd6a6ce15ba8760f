"""CDR documents: the fields OCPI 2.2.1 requires, sums that agree, and credit CDRs."""

import json
from base64 import b64decode
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings

from contracts.ocpi.cdr import Cdr
from domain.cdr.countries import alpha_3
from domain.cdr.document import CdrSource, cdr_document, credit_document
from domain.errors import DomainError
from domain.money import to_minor_half_up
from domain.rating.periods import from_cdr, split
from domain.rating.pricing import ocpi_totals, price
from domain.rating.rating import Rating
from domain.tariff.tariff import Tariff
from tests.rating.rating_builders import (
    AMSTERDAM,
    CHARGING,
    IDLE,
    MORNING,
    RESERVED,
    component,
    document,
    element,
    period,
    rated,
    row,
)
from tests.rating.test_price_properties import TARIFFS, ZONES, facts
from tests.support.examples import examples

REQUIRED = {
    "country_code", "party_id", "id", "start_date_time", "end_date_time", "cdr_token", "auth_method", "cdr_location",
    "currency", "charging_periods", "total_cost", "total_energy", "total_time", "last_updated",
}  # fmt: skip
PLAIN = document(element(component("ENERGY", 0.49, vat=21)))
LOCATION = {
    "id": "LOC-1",
    "name": "Kade",
    "address": "Prinsengracht 1",
    "city": "Amsterdam",
    "postal_code": "1015DK",
    "country": "NLD",
    "coordinates": {"latitude": "52.370000", "longitude": "4.890000", "name": "quay"},
    "time_zone": "Europe/Amsterdam",
    "evses": [
        {"uid": "OTHER", "connectors": []},
        {
            "uid": "evse-1",
            "evse_id": "NL*TST*E1",
            "connectors": [
                {
                    "id": "1",
                    "standard": "IEC_62196_T2",
                    "format": "SOCKET",
                    "power_type": "AC_3_PHASE",
                    "max_voltage": 230,
                }
            ],
        },
    ],
}
TOKEN = {"country_code": "DE", "party_id": "EMP", "uid": "04A1", "type": "RFID", "contract_id": "DE-EMP-C1"}


def source(rating: Rating, tariff: dict[str, Any] = PLAIN, **fields: Any) -> CdrSource:
    currency = tariff["currency"]
    given_fields: dict[str, Any] = {
        "cdr_id": "c-1",
        "session_id": "S-1",
        "country_code": "NL",
        "party_id": "TST",
        "currency": currency,
        "auth_method": "WHITELIST",
        "location_id": "LOC-1",
        "evse_uid": "EVSE-1",
        "connector_id": "1",
        "tariff": tariff,
        "rating": rating,
        "net_minor": to_minor_half_up(rating.total.excl_vat, currency),
        "gross_minor": to_minor_half_up(rating.total.incl_vat, currency),
        "issued_at": MORNING + timedelta(days=1),
        **fields,
    }
    return CdrSource(**given_fields)


def plain_cdr(**fields: Any) -> dict[str, Any]:
    return cdr_document(source(rated(Tariff.from_ocpi(PLAIN), [period(90, 1432)]), **fields))


def volume_of(cdr: dict[str, Any], *kinds: str) -> Decimal:
    dimensions = [dimension for each in cdr["charging_periods"] for dimension in each["dimensions"]]
    return sum((each["volume"] for each in dimensions if each["type"] in kinds), Decimal(0))


def test_a_cdr_has_every_required_field_and_the_posted_total() -> None:
    cdr = plain_cdr()
    assert cdr.keys() >= REQUIRED
    assert cdr["total_cost"] == {"excl_vat": Decimal("0.70"), "incl_vat": Decimal("0.85")}
    assert cdr["total_energy_cost"] == cdr["total_cost"]
    assert (cdr["total_energy"], cdr["total_time"]) == (Decimal("1.432"), Decimal("1.5"))
    assert (cdr["start_date_time"], cdr["end_date_time"]) == ("2024-03-05T09:00:00Z", "2024-03-05T10:30:00Z")
    assert cdr["tariffs"] == [PLAIN]
    assert cdr["charging_periods"] == [
        {
            "start_date_time": "2024-03-05T09:00:00Z",
            "dimensions": [
                {"type": "ENERGY", "volume": Decimal("1.432")},
                {"type": "TIME", "volume": Decimal("1.5")},
            ],
            "tariff_id": "T-1",
        }
    ]
    assert not cdr.keys() & {"total_parking_time", "total_fixed_cost", "signed_data", "meter_id", "credit"}


def test_what_a_session_lacks_is_not_available() -> None:
    cdr = plain_cdr()
    location = cdr["cdr_location"]
    assert location["country"] == "NLD"
    assert location["coordinates"] == {"latitude": "0.0000", "longitude": "0.0000"}
    lacking = ("address", "city", "evse_id", "connector_standard", "connector_format", "connector_power_type")
    assert {location[name] for name in lacking} == {"#NA"}
    assert (location["id"], location["evse_uid"], location["connector_id"]) == ("LOC-1", "EVSE-1", "1")
    assert not location.keys() & {"name", "postal_code", "state"}
    assert cdr["cdr_token"] == {
        "country_code": "NL", "party_id": "TST", "uid": "#NA", "type": "OTHER", "contract_id": "#NA",
    }  # fmt: skip


def test_a_known_location_and_token_are_told_with_the_connector_used() -> None:
    cdr = plain_cdr(location=LOCATION, token=TOKEN, meter_id="M-7")
    assert cdr["cdr_token"] == TOKEN
    assert cdr["meter_id"] == "M-7"
    assert cdr["cdr_location"] == {
        "id": "LOC-1",
        "name": "Kade",
        "address": "Prinsengracht 1",
        "city": "Amsterdam",
        "postal_code": "1015DK",
        "country": "NLD",
        "coordinates": {"latitude": "52.370000", "longitude": "4.890000"},
        "evse_uid": "EVSE-1",
        "evse_id": "NL*TST*E1",
        "connector_id": "1",
        "connector_standard": "IEC_62196_T2",
        "connector_format": "SOCKET",
        "connector_power_type": "AC_3_PHASE",
    }


def test_ids_too_long_for_ocpi_appear_as_uuids_of_their_kind_and_name() -> None:
    long = "X" * 40
    cdr = plain_cdr(session_id=long, evse_uid=long, token={**TOKEN, "uid": long}, tariff={**PLAIN, "id": long})
    assert cdr["session_id"] == str(uuid5(NAMESPACE_URL, f"wattledger:session:{long}"))
    assert cdr["cdr_location"]["evse_uid"] == str(uuid5(NAMESPACE_URL, f"wattledger:evse:{long}"))
    assert cdr["cdr_token"]["uid"] == str(uuid5(NAMESPACE_URL, f"wattledger:token:{long}"))
    tariff_id = str(uuid5(NAMESPACE_URL, f"wattledger:tariff:{long}"))
    assert cdr["tariffs"][0]["id"] == cdr["charging_periods"][0]["tariff_id"] == tariff_id


def test_parts_add_up_to_the_total_to_the_cent() -> None:
    terms = document(
        element(*[component(kind, "0.333", vat=21) for kind in ("FLAT", "ENERGY", "TIME", "PARKING_TIME")])
    )
    cdr = cdr_document(source(rated(Tariff.from_ocpi(terms), row((60, 1000, CHARGING), (60, 0, IDLE))), terms))
    names = ("total_fixed_cost", "total_energy_cost", "total_time_cost", "total_parking_cost")
    for side in ("excl_vat", "incl_vat"):
        assert sum(cdr[name][side] for name in names) == cdr["total_cost"][side]
    assert cdr["total_cost"] == {"excl_vat": Decimal("1.33"), "incl_vat": Decimal("1.61")}
    assert [cdr[name]["excl_vat"] for name in names] == [Decimal(part) for part in ("0.34", "0.33", "0.33", "0.33")]


def test_parts_stay_as_they_are_when_a_bound_moves_the_total() -> None:
    terms = document(
        element(component("ENERGY", 0.25, vat=10)), min_price={"excl_vat": 0.5, "incl_vat": 0.55}, currency="KWD"
    )
    cdr = cdr_document(source(rated(Tariff.from_ocpi(terms), [period(20, 1500)]), terms))
    assert cdr["total_cost"] == {"excl_vat": Decimal("0.500"), "incl_vat": Decimal("0.550")}
    assert cdr["total_energy_cost"] == {"excl_vat": Decimal("0.375"), "incl_vat": Decimal("0.413")}


def test_parking_and_reservation_have_their_own_times_and_costs() -> None:
    terms = document(element(component("TIME", 6), reservation="RESERVATION"), element(component("PARKING_TIME", 2)))
    rating = rated(Tariff.from_ocpi(terms), row((10, 0, RESERVED), (20, 500, CHARGING), (40, 0, IDLE)))
    cdr = cdr_document(source(rating, terms))
    assert cdr["total_reservation_cost"]["excl_vat"] == 1
    assert (cdr["total_time"], cdr["total_parking_time"]) == (Decimal("1.1667"), Decimal("0.6667"))
    assert volume_of(cdr, "TIME", "PARKING_TIME", "RESERVATION_TIME") == cdr["total_time"]
    assert volume_of(cdr, "PARKING_TIME") == cdr["total_parking_time"]
    assert [d["type"] for d in cdr["charging_periods"][0]["dimensions"]] == ["RESERVATION_TIME"]


def test_power_is_told_where_the_tariff_looked_at_it() -> None:
    terms = document(element(component("ENERGY", 1), max_power=16), element(component("ENERGY", 2)))
    tariff = Tariff.from_ocpi(terms)
    periods = split(
        tariff=tariff,
        time_zone=AMSTERDAM,
        started_at=MORNING,
        ended_at=MORNING + timedelta(hours=1),
        registers=[(MORNING, Fraction(0)), (MORNING + timedelta(hours=1), Fraction("15999.99999"))],
    )
    cdr = cdr_document(source(rated(tariff, periods), terms))
    assert {"type": "MAX_POWER", "volume": Decimal("15.9999")} in cdr["charging_periods"][0]["dimensions"]


def test_fractions_of_a_second_are_cut_to_what_ocpi_can_hold() -> None:
    start = MORNING + timedelta(microseconds=250_099)
    cdr = cdr_document(source(rated(Tariff.from_ocpi(PLAIN), [period(1, 10, start=start)])))
    assert cdr["start_date_time"] == "2024-03-05T09:00:00.25Z"
    assert len(cdr["start_date_time"]) <= 25


def test_signed_records_are_carried_as_they_came() -> None:
    values = ('OCMF|{"RD":[1]}|{"SD":"aa"}', 'OCMF|{"RD":[2]}|{"SD":"bb"}', "x" * 5000)
    signed = plain_cdr(signed_values=values)["signed_data"]
    assert signed["encoding_method"] == "OCMF"
    assert [value["nature"] for value in signed["signed_values"]] == ["Start", "Intermediate"]
    assert [value["plain_data"] for value in signed["signed_values"]] == list(values[:2])
    assert b64decode(signed["signed_values"][1]["signed_data"]).decode() == values[1]


def test_a_credit_cdr_repeats_everything_and_negates_the_total_alone() -> None:
    cdr = plain_cdr()
    credit = credit_document(cdr, datetime(2024, 4, 1, tzinfo=MORNING.tzinfo))
    changed = {name for name in credit if credit[name] != cdr.get(name)}
    assert changed == {"id", "total_cost", "credit", "credit_reference_id", "last_updated"}
    assert credit["total_cost"] == {"excl_vat": Decimal("-0.70"), "incl_vat": Decimal("-0.85")}
    assert (credit["id"], credit["credit"], credit["credit_reference_id"]) == ("c-1-C", True, "c-1")
    assert credit["last_updated"] == "2024-04-01T00:00:00Z"


def test_a_credit_of_nothing_is_nothing_and_a_credit_cannot_be_credited() -> None:
    free = document(element(component("FLAT", 0)))
    credit = credit_document(cdr_document(source(rated(Tariff.from_ocpi(free), [period(9)]), free)), MORNING)
    assert str(credit["total_cost"]["excl_vat"]) == "0.00"
    with pytest.raises(DomainError):
        credit_document(credit, MORNING)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"location": LOCATION, "token": TOKEN, "meter_id": "M-7", "signed_values": ("OCMF|{}|{}",)},
        {"session_id": "X" * 64, "evse_uid": "E" * 64, "location_id": "L" * 64, "connector_id": "C" * 64},
    ],
)
def test_a_cdr_and_its_credit_satisfy_the_strict_model(fields: dict[str, Any]) -> None:
    cdr = plain_cdr(**fields)
    for sent in (cdr, credit_document(cdr, MORNING)):
        assert Cdr.model_validate(json.loads(json.dumps(sent, default=float))).id == sent["id"]


def test_countries_are_three_letters_in_a_cdr() -> None:
    assert [alpha_3(code) for code in ("NL", "us", "IN", "XX")] == ["NLD", "USA", "IND", None]


@settings(max_examples=examples(80), deadline=None)
@given(TARIFFS, facts(), ZONES)
def test_volumes_add_up_and_pricing_a_cdr_gives_its_own_totals(
    terms: Tariff, session: dict[str, Any], zone: ZoneInfo
) -> None:
    rating = price(terms, split(tariff=terms, time_zone=zone, **session), zone)
    cdr = cdr_document(source(rating, PLAIN))
    Cdr.model_validate(json.loads(json.dumps(cdr, default=float)))
    assert volume_of(cdr, "ENERGY") == cdr["total_energy"]
    assert volume_of(cdr, "TIME", "PARKING_TIME", "RESERVATION_TIME") == cdr["total_time"]
    assert volume_of(cdr, "PARKING_TIME") == cdr.get("total_parking_time", 0)
    assert all(d["volume"] >= 0 for each in cdr["charging_periods"] for d in each["dimensions"])
    again, own = ocpi_totals(price(terms, from_cdr(cdr), zone)), ocpi_totals(rating)
    assert abs(again["total_energy"] - own["total_energy"]) <= Decimal("0.0001")
    assert abs(again["total_time"] - own["total_time"]) <= Decimal("0.0001")
    assert abs(again["total_parking_time"] - own["total_parking_time"]) <= Decimal("0.0001")
    for name in ("total_cost", "total_fixed_cost", "total_energy_cost", "total_time_cost", "total_parking_cost"):
        mine, theirs = own[name], again[name]
        assert (mine is None) == (theirs is None)
        if mine is not None:
            assert abs(mine["excl_vat"] - theirs["excl_vat"]) <= Decimal("0.01"), name
