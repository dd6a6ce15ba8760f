"""The audit's own arithmetic says the same as the engine's, though neither knows the other."""

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from uuid import NAMESPACE_URL
from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from iso4217 import Currency

from contracts.currencies import EXPONENT_OF
from domain.book.bookings import Booking
from domain.book.posting import POSTING_RULES, entries_of
from domain.catalogue.versions import Version, Versions
from domain.money import round_half_up, to_minor_half_up
from domain.rating.periods import split
from domain.rating.pricing import price
from domain.tariff.published import tariff_hash, taxes_of
from domain.tariff.tariff import Tariff
from ledger.audit.amounts import Money, half_up, minor
from ledger.audit.catalogue import Timeline
from ledger.audit.flat_prices import flat_prices
from ledger.audit.pins import pin_of
from ledger.audit.posting_table import _TABLE, Leg, is_known, journals_of
from ledger.audit.spool import Spool
from tests.support.listed_fields import is_listed, listed_fields, with_sums

START = datetime(2026, 3, 1, tzinfo=UTC)


_AMOUNTS = st.integers(-3, 3) | st.integers(-(10**9), 10**9)
_LISTED = listed_fields(_AMOUNTS)


@st.composite
def bookings(draw: st.DrawFn) -> Booking:
    """Any booking of any type, with amounts of either sign and zeros among them."""
    kind = draw(st.sampled_from(list(POSTING_RULES)))
    values: dict[str, Any] = {}
    for field in fields(kind):
        if field.type in (bool, "bool"):
            values[field.name] = draw(st.booleans())
        elif field.type in (int, "int"):
            values[field.name] = draw(_AMOUNTS)
        elif is_listed(field.name, field.type):
            values[field.name] = draw(_LISTED[field.name])
        elif field.name == "effective_at":
            values[field.name] = START
        else:
            values[field.name] = f"{field.name}-1"
    made: Booking = kind(**with_sums(values))
    return made


@given(bookings(), st.sampled_from([1, -1]))
def test_the_posting_table_gives_the_entries_that_the_engine_posts(booking: Booking, sign: int) -> None:
    entries = entries_of(booking, NAMESPACE_URL, 1, NAMESPACE_URL)
    posted = [(entry.kind, sorted((p.account, sign * p.amount_minor) for p in entry.postings)) for entry in entries]
    derived = journals_of(type(booking).__name__, asdict(booking), sign)
    assert [(kind, postings) for _, kind, postings in derived] == posted


def test_the_posting_table_knows_every_booking_and_no_other() -> None:
    assert set(_TABLE) == {kind.__name__ for kind in POSTING_RULES}
    assert all(is_known(name) for name in _TABLE)
    assert not is_known("Bribe")


@pytest.mark.parametrize("text", ["1105/session_id", "1105/session_id gross", "1105 +gross*2"])
def test_a_leg_that_is_no_signed_sum_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"unpack|signed sum"):
        Leg.read(text)


@given(st.integers(-(10**6), 10**6), st.integers(1, 1000))
def test_halves_are_rounded_away_from_zero(numerator: int, denominator: int) -> None:
    value = Fraction(numerator, denominator)
    assert half_up(value) == round_half_up(value)
    assert abs(half_up(value) - value) <= Fraction(1, 2)


def test_minor_units_follow_the_currency() -> None:
    assert (minor("1.5", "EUR"), minor("12", "JPY"), minor("1.234", "KWD")) == (150, 12, 1234)
    with pytest.raises(ValueError, match="no whole number"):
        minor("1.5", "JPY")
    current = {code.code: code.exponent for code in Currency if code.exponent is not None}
    assert set(current) < set(EXPONENT_OF)
    assert all(minor("1", code) == to_minor_half_up(Fraction(1), code) for code in EXPONENT_OF)
    assert (minor("1.95", "BGN"), minor("7", "BYR")) == (195, 7)
    with pytest.raises(ValueError, match="no currency"):
        minor("1", "euro")


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        (1200, "EUR", "12.00 EUR"),
        (-7, "EUR", "-0.07 EUR"),
        (0, "BGN", "0.00 BGN"),
        (1200, "JPY", "1200 JPY"),
        (1, "KWD", "0.001 KWD"),
        (10**20, "EUR", "1000000000000000000.00 EUR"),
        (5, "", "5 minor units of an unknown currency"),
    ],
)
def test_people_are_shown_major_units(amount: int, currency: str, text: str) -> None:
    assert str(Money(amount, currency)) == f"{Money(amount, currency)!r}" == text


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=6),
    st.integers(-1, 11),
)
def test_the_version_in_effect_is_the_one_the_engine_takes(times: list[tuple[int, int]], asked: int) -> None:
    engine: Versions[int] = Versions()
    audit: Timeline[int] = Timeline()
    for number, (time, effective) in enumerate(times):
        published, begins = START + timedelta(hours=time), START + timedelta(hours=effective)
        engine.add(Version(published, "s", str(number), begins, number))
        audit.versions.append((published, "s", str(number), begins, number))
    moment = START + timedelta(hours=asked)
    assert audit.at(moment) == engine.at(moment)


def _tariff(components: list[dict[str, Any]], **bounds: Any) -> dict[str, Any]:
    head = {
        "country_code": "NL",
        "party_id": "ABC",
        "id": "T",
        "currency": "EUR",
        "last_updated": "2026-01-01T00:00:00Z",
    }
    return head | {"elements": [{"price_components": components}]} | bounds


ENERGY = st.builds(
    lambda cents, step, vat: {"type": "ENERGY", "price": cents / 100, "step_size": step, "vat": vat},
    st.integers(-200, 200),
    st.sampled_from([0, 1, 7, 500]),
    st.sampled_from([0, 9.5, 21]),
)
FLAT = st.builds(lambda cents: {"type": "FLAT", "price": cents / 100, "step_size": 1}, st.integers(-500, 500))
BOUNDS: st.SearchStrategy[Mapping[str, Any]] = st.sampled_from(
    [
        {},
        {"min_price": {"excl_vat": 2.5, "incl_vat": 3.0}},
        {"max_price": {"excl_vat": 4.0}},
        {"min_price": {"excl_vat": 1.0}, "max_price": {"excl_vat": 5.0, "incl_vat": 5.5}},
    ]
)


@given(st.lists(ENERGY | FLAT, min_size=1, max_size=3), BOUNDS, st.integers(0, 80_000), st.integers(1, 9))
def test_flat_prices_are_the_prices_of_the_full_rules(
    components: list[dict[str, Any]], bounds: Mapping[str, Any], whole_wh: int, parts: int
) -> None:
    document = _tariff(components, **bounds)
    energy_wh = Fraction(whole_wh) + Fraction(1, 10**parts)
    tariff, end = Tariff.from_ocpi(document), START + timedelta(hours=1)
    zone = ZoneInfo("Europe/Amsterdam")
    registers = [(START, Fraction(0)), (end, energy_wh)]
    periods = split(tariff=tariff, time_zone=zone, started_at=START, ended_at=end, registers=registers)
    total = price(tariff, periods, zone).total
    flat = flat_prices(document)
    assert flat is not None
    assert flat.price(energy_wh) == (
        to_minor_half_up(total.excl_vat, "EUR"),
        to_minor_half_up(total.incl_vat, "EUR"),
    )


@pytest.mark.parametrize(
    "element",
    [
        {"price_components": [{"type": "TIME", "price": 1, "step_size": 1}]},
        {"price_components": [{"type": "ENERGY", "price": 1}], "restrictions": {"max_kwh": 10}},
    ],
)
def test_a_tariff_that_needs_charging_periods_is_not_priced_again(element: dict[str, Any]) -> None:
    assert flat_prices(_tariff([]) | {"elements": [element]}) is None


@pytest.mark.parametrize(
    "conditions",
    [
        {"max_kwh": 0},
        {"min_duration": 60, "max_duration": 60},
        {"start_date": "2026-05-02", "end_date": "2026-05-01"},
        {"start_date": "2026-05-02", "end_date": "2026-05-04", "day_of_week": ["FRIDAY", "MONDAY"]},
    ],
)
def test_an_element_that_can_never_apply_counts_for_nothing(conditions: dict[str, Any]) -> None:
    sound = _tariff([{"type": "ENERGY", "price": 0.3, "step_size": 1}])
    dear = {"price_components": [{"type": "ENERGY", "price": 9, "step_size": 1}], "restrictions": conditions}
    assert flat_prices(sound | {"elements": [dear, *sound["elements"]]}) == flat_prices(sound)


@pytest.mark.parametrize(
    "conditions",
    [
        {"max_kwh": "0.1"},
        {"start_date": "2026-05-02", "end_date": "2026-05-05", "day_of_week": ["MONDAY"]},
        {"end_date": "2026-05-01"},
    ],
)
def test_an_element_that_can_apply_needs_charging_periods(conditions: dict[str, Any]) -> None:
    sound = _tariff([{"type": "ENERGY", "price": 0.3, "step_size": 1}])
    assert flat_prices(sound | {"elements": [{**sound["elements"][0], "restrictions": conditions}]}) is None


@given(st.lists(st.binary(max_size=6).map(lambda line: line.replace(b"\n", b"")), max_size=60), st.integers(1, 9))
def test_a_spool_gives_its_lines_back_sorted_however_few_fit_in_memory(lines: list[bytes], run_length: int) -> None:
    with Spool(run_length) as spool:
        for line in lines:
            spool.add(line)
        assert list(spool.sorted()) == sorted(lines)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, width=32) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@given(st.dictionaries(st.text(), _JSON, max_size=4), st.decimals(0, 30, places=3))
def test_the_pin_of_a_tariff_is_the_one_that_its_cdrs_name(document: dict[str, Any], percent: Decimal) -> None:
    stored = orjson.loads(orjson.dumps(document))
    taxes = [{"name": "State", "percent": str(percent)}]
    assert pin_of({"tariff": stored}) == tariff_hash(stored)
    assert pin_of({"tariff": stored, "taxes": taxes}) == tariff_hash(stored, taxes_of(taxes))
