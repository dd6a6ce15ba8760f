"""What a CDR says besides prices: periods at readings, pins and links, any place and token, signed records."""

from base64 import b64decode
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.ocpi import cdr as model
from contracts.ocpi.location import Location
from domain.cdr import connectors
from domain.cdr.document import cdr_document
from domain.cdr.signed import signed_data
from domain.fact import Fact
from domain.rating.periods import split, split_no_show
from domain.session.facts import Metered
from domain.tariff.tariff import Tariff
from tests.cdr.cdr_builders import as_read, check, emitted, volume_of
from tests.domain.builders import charged, decided, read
from tests.rating.rating_builders import (
    AMSTERDAM,
    CHARGING,
    IDLE,
    MORNING,
    component,
    document,
    element,
    period,
    rated,
)
from tests.rating.test_cdr import LOCATION, TOKEN, source
from tests.rating.test_price_properties import TARIFFS, ZONES, facts
from tests.support.examples import examples

MINUTE = timedelta(minutes=1)
PLAIN = document(element(component("ENERGY", 0.49, vat=21)))


def at(minutes: float) -> Any:
    return MORNING + minutes * MINUTE


def session(*registers: tuple[float, Any], **others: Any) -> dict[str, Any]:
    """A session by its readings, each (minute, Wh)."""
    readings = [(at(minute), wh) for minute, wh in registers]
    return {"started_at": readings[0][0], "ended_at": readings[-1][0], "registers": readings, **others}


def periods_of(cdr: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Start time of day and volumes of each charging period."""
    return [
        (each["start_date_time"][11:], {d["type"]: str(d["volume"]) for d in each["dimensions"]})
        for each in cdr["charging_periods"]
    ]


# Periods ------------------------------------------------------------------------------------------------------------


def test_a_period_starts_at_every_reading_with_the_energy_of_the_registers() -> None:
    cdr = emitted(PLAIN, session((0, 1000), (10, 3500), (20, 3500), (40, 6000)), AMSTERDAM).older
    assert periods_of(cdr) == [
        ("09:00:00Z", {"ENERGY": "2.5", "TIME": "0.1667"}),
        ("09:10:00Z", {"ENERGY": "0", "TIME": "0.1666"}),
        ("09:20:00Z", {"ENERGY": "2.5", "TIME": "0.3334"}),
    ]


def test_readings_and_changes_of_state_both_start_a_period() -> None:
    facts = session((0, 0), (10, 2000), (30, 4000), states=[(at(20), IDLE)])
    assert periods_of(emitted(PLAIN, facts, AMSTERDAM).older) == [
        ("09:00:00Z", {"ENERGY": "2", "TIME": "0.1667"}),
        ("09:10:00Z", {"ENERGY": "1", "TIME": "0.1666"}),
        ("09:20:00Z", {"ENERGY": "1", "PARKING_TIME": "0.1667"}),
    ]


def test_of_readings_at_one_moment_the_last_counts() -> None:
    cdr = emitted(PLAIN, session((0, 0), (10, 1000), (10, 1500), (30, 4000)), AMSTERDAM).older
    assert [volumes["ENERGY"] for _, volumes in periods_of(cdr)] == ["1.5", "2.5"]


def test_readings_too_close_to_tell_apart_share_a_period() -> None:
    near = 10 + 1 / 60_000_000
    cdr = emitted(PLAIN, session((0, 0), (10, 1000), (near, 1500), (30, 4000)), AMSTERDAM).older
    assert [volumes["ENERGY"] for _, volumes in periods_of(cdr)] == ["1", "3"]


def test_a_reading_that_rounds_to_the_next_tier_is_not_told_apart() -> None:
    terms = document(element(component("TIME", 9), max_kwh=1), element(component("TIME", 1)))
    facts = session((0, 0), (10, Fraction("999.99")), (30, 4000))
    cdr = emitted(terms, facts, AMSTERDAM)
    assert [volumes["ENERGY"] for _, volumes in periods_of(cdr.older)] == ["1", "3"]


def test_pieces_of_a_period_have_its_power() -> None:
    terms = document(element(component("ENERGY", 1), max_power=16), element(component("ENERGY", 2)))
    facts = session((0, 0), (10, 1000), (20, 2000), powers=[(at(0), 6000)])
    cdr = emitted(terms, facts, AMSTERDAM).older
    assert [volumes["MAX_POWER"] for _, volumes in periods_of(cdr)] == ["6", "6"]


def test_a_reservation_has_no_readings() -> None:
    facts = session((0, 0), (10, 1000), (20, 2000), reserved_from=at(-15))
    cdr = emitted(PLAIN, facts, AMSTERDAM).older
    assert [sorted(volumes) for _, volumes in periods_of(cdr)] == [["RESERVATION_TIME"], *[["ENERGY", "TIME"]] * 2]


@settings(max_examples=examples(80), deadline=None)
@given(TARIFFS, facts(), ZONES)
def test_readings_change_no_volume_of_the_price_periods(terms: Tariff, session: dict[str, Any], zone: Any) -> None:
    rating = rated(terms, split(tariff=terms, time_zone=zone, **session))
    coarse = as_read(cdr_document(source(rating, PLAIN)))
    fine = as_read(cdr_document(source(rating, PLAIN, registers=session["registers"])))
    same = coarse.keys() - {"charging_periods"}
    assert {name: fine[name] for name in same} == {name: coarse[name] for name in same}
    for moment in {each["start_date_time"] for each in coarse["charging_periods"]}:
        assert volumes_before(fine, moment) == volumes_before(coarse, moment)


def volumes_before(cdr: dict[str, Any], moment: str) -> dict[str, Decimal]:
    """Energy and times of the periods that start before a moment."""
    early = [each for each in cdr["charging_periods"] if moment_of(each["start_date_time"]) < moment_of(moment)]
    return {
        kind: volume_of({"charging_periods": early}, kind)
        for kind in ("ENERGY", "TIME", "PARKING_TIME", "RESERVATION_TIME")
    }


def moment_of(text: str) -> datetime:
    return datetime.fromisoformat(text)


# Pins and links -----------------------------------------------------------------------------------------------------


def test_the_remark_names_the_version_of_the_tariff_and_what_the_cdr_replaces() -> None:
    facts = session((0, 0), (60, 9000))
    links: dict[str, Any] = {
        "tariff_hash": "ab" * 32,
        "replaces": "3e5b1c9e-6f6d-5f0e-9d8e-1c2b3a4d5e6f",
        "estimated": True,
    }
    cdr = emitted(PLAIN, facts, AMSTERDAM, **links).older
    assert cdr["remark"] == (
        f"tariff sha256:{'ab' * 32}; replaces 3e5b1c9e-6f6d-5f0e-9d8e-1c2b3a4d5e6f, "
        "credited by 3e5b1c9e-6f6d-5f0e-9d8e-1c2b3a4d5e6f-C; estimated"
    )
    check(cdr, "2.2.1")
    assert "remark" not in emitted(PLAIN, facts, AMSTERDAM).older


def test_a_no_show_has_neither_session_nor_plug() -> None:
    terms = document(element(component("FLAT", 3), reservation="RESERVATION_EXPIRES"))
    tariff = Tariff.from_ocpi(terms)
    rating = rated(tariff, split_no_show(at(0), at(15), tariff, AMSTERDAM))
    cdr = as_read(cdr_document(source(rating, terms, no_show=True, evse_uid="#NA", connector_id="#NA")))
    assert "session_id" not in cdr
    assert (cdr["cdr_location"]["evse_uid"], cdr["cdr_location"]["connector_id"]) == ("#NA", "#NA")
    assert cdr["total_reservation_cost"] == cdr["total_cost"] == {"excl_vat": 3, "incl_vat": 3}
    check(cdr, "2.2.1")


def test_a_cdr_made_again_is_the_same() -> None:
    first, again = (emitted(PLAIN, session((0, 0), (10, 700), (60, 9000)), AMSTERDAM) for _ in range(2))
    assert (first.older, first.newer, first.credits()) == (again.older, again.newer, again.credits())


# Currencies, ids and texts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("currency", "excl_vat", "incl_vat"), [("JPY", "4", "5"), ("EUR", "4.41", "5.34"), ("KWD", "4.41", "5.336")]
)
def test_amounts_have_the_decimals_of_their_currency(currency: str, excl_vat: str, incl_vat: str) -> None:
    cdr = emitted({**PLAIN, "currency": currency}, session((0, 0), (60, 9000)), AMSTERDAM)
    assert cdr.older["total_cost"] == {"excl_vat": Decimal(excl_vat), "incl_vat": Decimal(incl_vat)}
    check(cdr.older, "2.2.1")
    check(cdr.newer, "2.3.0")


WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=300)
IDS = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=64)
OCPI_IDS = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=36)
LETTERS = st.sampled_from(["nld", "DEU", "zzz", "Usa"])
CONNECTORS = st.fixed_dictionaries(
    {"id": st.just("1")},
    optional={
        "standard": st.sampled_from(["IEC_62196_T2", "MCS", "typ 2"]),
        "format": st.sampled_from(["SOCKET", "PLUG"]),
        "power_type": st.sampled_from(["DC", "AC"]),
    },
)
EVSES = st.fixed_dictionaries(
    {"uid": st.just("EVSE-1"), "connectors": st.lists(CONNECTORS, max_size=1)},
    optional={"evse_id": st.text(max_size=48)},
)
LOCATIONS = st.fixed_dictionaries(
    {"id": OCPI_IDS, "evses": st.lists(EVSES, max_size=1)},
    optional={
        **{name: WORDS.map(lambda text: text[:255]) for name in ("name", "address", "city", "postal_code", "state")},
        "country": LETTERS,
        "coordinates": st.just({"latitude": "52.1", "longitude": "-4.1234567"}),
    },
)
TOKENS = st.fixed_dictionaries(
    {
        "country_code": st.sampled_from(["DE", "nl"]),
        "party_id": st.sampled_from(["ABC", "abc", "1x2"]),
        "uid": IDS,
        "type": st.sampled_from(["RFID", "AD_HOC_USER", "APP_USER", "OTHER"]),
        "contract_id": IDS,
    }
)


@settings(max_examples=examples(80), deadline=None)
@given(LOCATIONS, TOKENS, IDS, IDS)
def test_whatever_a_location_or_token_may_say_the_cdr_is_valid(
    location: dict[str, Any], token: dict[str, Any], session_id: str, tariff_id: str
) -> None:
    Location.model_validate(location)
    facts = session((0, 0), (60, 9000))
    ids: dict[str, Any] = {"session_id": session_id, "location_id": session_id, "evse_uid": "EVSE-1"}
    cdr = emitted({**PLAIN, "id": tariff_id}, facts, AMSTERDAM, location=location, token=token, **ids)
    check(cdr.older, "2.2.1")
    check(cdr.newer, "2.3.0")


def test_connectors_are_called_as_the_contract_calls_them() -> None:
    assert connectors.CONNECTOR_TYPES == model.CONNECTOR_TYPES
    for known, field in (
        (connectors.CONNECTOR_FORMATS, "connector_format"),
        (connectors.POWER_TYPES, "connector_power_type"),
    ):
        named = model.CdrLocation.model_json_schema()["properties"][field]["enum"]
        assert known | {"#NA"} == set(named)


def test_a_word_that_ocpi_does_not_have_is_not_available() -> None:
    place = {
        **LOCATION,
        "country": "nld",
        "evses": [{"uid": "EVSE-1", "evse_id": "NL*é", "connectors": [{"id": "1", "standard": "MCS"}]}],
    }
    cdr = emitted(PLAIN, session((0, 0), (60, 9000)), AMSTERDAM, location=place, token=TOKEN).older
    told = cdr["cdr_location"]
    assert (told["country"], told["evse_id"], told["connector_standard"]) == ("NLD", "#NA", "#NA")


# Signed records -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "natures"),
    [(1, ["End"]), (2, ["Start", "End"]), (4, ["Start", "Intermediate", "Intermediate", "End"])],
)
def test_signed_records_tell_which_moment_they_are_of(count: int, natures: list[str]) -> None:
    values = tuple(f'OCMF|{{"RD":[{number}]}}|{{"SD":"30"}}' for number in range(count))
    cdr = emitted(PLAIN, session((0, 0), (60, 9000)), AMSTERDAM, signed_values=values).older
    told = cdr["signed_data"]["signed_values"]
    assert [value["nature"] for value in told] == natures
    assert [value["plain_data"] for value in told] == list(values)
    assert [b64decode(value["signed_data"]).decode() for value in told] == list(values)
    check(cdr, "2.2.1")


@pytest.mark.parametrize(
    ("value", "method"),
    [
        ('OCMF|{"FV":"1.0"}|{"SD":"30"}', "OCMF"),
        (
            "AP;0;3;ALK7IMVVJ7PW5GMV4LLQYQGOHC6VTEUYY5R3T5ZO;BIHEIWSHAAA2W2V7OYYDCNQAAFACRC2I2ADGAETI",
            "Alfen Eichrecht",
        ),
        ("<signedMeterValue>é</signedMeterValue>", "#NA"),
    ],
)
def test_the_encoding_is_named_where_the_record_shows_it(value: str, method: str) -> None:
    told = signed_data((value,))
    assert told is not None
    assert told["encoding_method"] == method
    assert told["signed_values"][0]["plain_data"] == value


def test_a_record_that_does_not_fit_is_left_out_and_no_records_are_no_field() -> None:
    assert signed_data(()) is None
    assert signed_data(("x" * 4000,)) is None
    told = signed_data(("OCMF|a|b", "x" * 4000, "OCMF|c|d"))
    assert told is not None
    assert [value["nature"] for value in told["signed_values"]] == ["Start", "End"]


@pytest.mark.parametrize(
    ("values", "natures"),
    [
        (("x" * 4000, "OCMF|c|d"), ["End"]),
        (("OCMF|a|b", "x" * 4000), ["Start"]),
        (("x" * 4000, "OCMF|b|c", "OCMF|c|d"), ["Intermediate", "End"]),
    ],
)
def test_a_record_does_not_take_the_moment_of_one_that_is_left_out(
    values: tuple[str, ...], natures: list[str]
) -> None:
    told = signed_data(values)
    assert told is not None
    assert [value["nature"] for value in told["signed_values"]] == natures


def signed(when: str, register_wh: int) -> Metered:
    return replace(read(when, register_wh), signed_value=f"OCMF|{when}|{register_wh}")


def values_told(*facts: Fact) -> list[tuple[str, str]]:
    """Nature and record of each signed value in the first CDR."""
    document = decided(facts).sent[1].document
    return [(each["nature"], each["plain_data"]) for each in document.get("signed_data", {}).get("signed_values", ())]


def test_what_was_signed_before_or_after_the_session_is_none_of_its_values() -> None:
    around = [signed("02 09:59", 0), signed("02 11:01", 20_000), signed("02 13:30", 30_000)]
    inside = [signed("02 10:00", 0), signed("02 10:30", 9_000), signed("02 11:00", 20_000)]
    assert values_told(*charged(), *around) == []
    assert values_told(*charged(), *around, *inside) == [
        ("Start", "OCMF|02 10:00|0"),
        ("Intermediate", "OCMF|02 10:30|9000"),
        ("End", "OCMF|02 11:00|20000"),
    ]


def test_a_session_of_no_length_is_one_period() -> None:
    cdr = as_read(cdr_document(source(rated(Tariff.from_ocpi(PLAIN), [period(0, 0, CHARGING)]), PLAIN)))
    assert periods_of(cdr) == [("09:00:00Z", {"ENERGY": "0", "TIME": "0"})]
    check(cdr, "2.2.1")
