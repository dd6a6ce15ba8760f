"""Amounts, numbers, dates and times by the reader's language and zone, and exact for programs."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from babel.numbers import parse_decimal
from hypothesis import given
from hypothesis import strategies as st

from api.pages.format import Reader, accepted_locale, reader_of
from domain.money import format_minor

NBSP, NARROW = "\u00a0", "\u202f"


def reader(tag: str, zone: str = "UTC") -> Reader:
    return reader_of([tag], "", [zone])


@pytest.mark.parametrize(
    ("tag", "euros", "yen", "dinars"),
    [
        ("de", "−1.234.567,50 EUR", "1.234.567 JPY", "1.234,500 KWD"),
        ("fr", f"−1{NARROW}234{NARROW}567,50 EUR", f"1{NARROW}234{NARROW}567 JPY", f"1{NARROW}234,500 KWD"),
        ("sv", f"−1{NBSP}234{NBSP}567,50 EUR", f"1{NBSP}234{NBSP}567 JPY", f"1{NBSP}234,500 KWD"),
        ("ja", "EUR −1,234,567.50", "JPY 1,234,567", "KWD 1,234.500"),
        ("en-IN", "EUR −12,34,567.50", "JPY 12,34,567", "KWD 1,234.500"),
        ("en-GB", "EUR −1,234,567.50", "JPY 1,234,567", "KWD 1,234.500"),
    ],
)
def test_amounts_are_written_as_the_reader_writes_them(tag: str, euros: str, yen: str, dinars: str) -> None:
    reads = reader(tag)
    assert reads.money_text("-1234567.50", "EUR") == euros
    assert reads.money_text("1234567", "JPY") == yen
    assert reads.money_text("1234.5", "KWD") == dinars


@given(
    st.integers(-(10**15), 10**15),
    st.sampled_from(["EUR", "JPY", "KWD", "INR"]),
    st.sampled_from(["de", "fr", "sv", "ja", "en-IN"]),
)
def test_what_is_shown_says_what_the_element_says(minor: int, currency: str, tag: str) -> None:
    value, reads = format_minor(minor, currency), reader(tag)
    shown = reads.amount_text(value, currency).replace("−", "-")
    assert parse_decimal(shown, locale=reads.locale) == Decimal(value)
    assert f'value="{value}" data-currency="{currency}" data-field="owed"' in reads.amount(value, currency, "owed")


def test_an_amount_is_an_element_with_its_exact_value() -> None:
    assert reader("de").amount("-1234.50", "EUR", "pending") == (
        '<data class="amount" value="-1234.50" data-currency="EUR" data-field="pending">−1.234,50</data>'
    )
    assert "–" in reader("de").amount(None, "EUR", "pending")


@pytest.mark.parametrize(
    ("tag", "zone", "shown"),
    [
        ("de", "Europe/Amsterdam", "29. März 2026 03:30"),
        ("fr", "Europe/Amsterdam", "29 mars 2026 03:30"),
        ("sv", "Europe/Stockholm", "29 mars 2026 03:30"),
        ("ja", "Asia/Tokyo", "2026年3月29日 10:30"),
        ("en-IN", "Asia/Kolkata", "29 Mar 2026 07:00"),
        ("en-US", "America/Denver", "Mar 28, 2026 19:30"),
    ],
)
def test_times_are_local_and_name_their_zone(tag: str, zone: str, shown: str) -> None:
    element = reader(tag, zone).time("2026-03-29T01:30:00Z")
    assert f"{shown} <" in element
    assert f">{zone}</span>" in element
    assert element.startswith('<time datetime="2026-03-29T01:30:00Z"')


def test_the_ends_of_the_calendar_can_be_shown() -> None:
    for moment in (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)):
        for zone in ("America/Denver", "Pacific/Kiritimati"):
            assert reader("en-GB", zone).time_text(moment)


@pytest.mark.parametrize(
    ("header", "tag"),
    [
        ("de-AT;q=0.5, xx, sv;q=0.9", "sv"),
        ("en-IN", "en-IN"),
        ("*", "en-GB"),
        ("", "en-GB"),
        ("fr;q=0, ja;q=0.1", "ja"),
        ("fr;q=nonsense", "en-GB"),
        ("../../etc/passwd, de", "de"),
    ],
)
def test_the_language_is_the_first_known_one_that_is_accepted(header: str, tag: str) -> None:
    assert str(accepted_locale(header)).replace("_", "-") == tag


@given(st.text(max_size=60))
def test_any_header_and_any_choice_gives_a_reader(text: str) -> None:
    assert accepted_locale(text).language
    assert reader_of([text], text, [text]).money_text("1.00", "EUR")


def test_what_is_chosen_goes_before_what_is_accepted() -> None:
    assert reader_of([None, "ja"], "de", ["Nowhere/Land", "Asia/Tokyo"]).tag == "ja"
    assert reader_of([None, "ja"], "de", ["Nowhere/Land", "Asia/Tokyo"]).zone.key == "Asia/Tokyo"
