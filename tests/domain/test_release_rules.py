"""When a driver-paid share is released and matures, by the operator's `fund_release`, delay and cut-off."""

from typing import Any

import pytest

from domain.fact import Fact
from tests.domain.builders import (
    at,
    balance,
    captured,
    catalogue,
    charged,
    corrected,
    decided,
    ended,
    on_the_book,
    operator,
    released,
    settled,
    started,
)

ON_CAPTURE: dict[str, Any] = {"fund_release": "ON_CAPTURE"}
ON_SETTLEMENT: dict[str, Any] = {"fund_release": "ON_SETTLEMENT"}


def releases(rule: dict[str, Any], *facts: Fact) -> tuple[str, str] | None:
    return released(decided(facts, catalogue(operator(**rule))))


def test_on_session_releases_when_the_session_is_rated() -> None:
    assert released(decided(charged())) == ("02 11:00", "02")


def test_on_capture_waits_for_the_capture() -> None:
    assert releases(ON_CAPTURE, *charged()) is None
    assert releases(ON_CAPTURE, *charged(), captured("02 12:30")) == ("02 12:30", "02")


def test_on_capture_less_than_the_gross_releases_nothing() -> None:
    assert releases(ON_CAPTURE, *charged(), captured(amount=1199)) is None


def test_on_capture_releases_with_the_capture_that_reaches_the_gross() -> None:
    first, second = captured("02 12:00", 700), captured("04 09:00", 500, payment="P-2")
    assert releases(ON_CAPTURE, *charged(), first, second) == ("04 09:00", "04")


def test_a_capture_before_the_end_releases_at_the_rating() -> None:
    assert releases(ON_CAPTURE, *charged(), captured("02 10:30")) == ("02 11:00", "02")


def test_a_capture_of_more_than_the_gross_releases_too() -> None:
    assert releases(ON_CAPTURE, *charged(), captured("02 12:30", 1500)) == ("02 12:30", "02")


def test_on_settlement_waits_for_the_providers_money() -> None:
    assert releases(ON_SETTLEMENT, *charged(), captured()) is None
    assert releases(ON_SETTLEMENT, *charged(), captured(), settled("03 06:00")) == ("03 06:00", "03")


def test_on_settlement_counts_the_settled_captures_only() -> None:
    two = [captured("02 12:00", 700), captured("02 13:00", 500, payment="P-2")]
    assert releases(ON_SETTLEMENT, *charged(), *two, settled("03 06:00")) is None
    both = [settled("03 06:00"), settled("05 06:00", payment="P-2")]
    assert releases(ON_SETTLEMENT, *charged(), *two, *both) == ("05 06:00", "05")


def test_a_settlement_known_before_its_capture_happened_counts_from_the_capture() -> None:
    assert releases(ON_SETTLEMENT, *charged(), captured("04 10:00"), settled("03 06:00")) == ("04 10:00", "04")


def test_a_price_lowered_to_what_was_captured_releases_at_the_correction() -> None:
    facts = [*charged(), captured(amount=900), corrected("05 08:00", 15_000)]
    assert releases(ON_CAPTURE, *facts) == ("05 08:00", "05")


def test_what_a_correction_first_makes_rateable_is_rated_at_its_end_and_released_from_the_correction() -> None:
    session = decided([started(register_wh=30_000), ended(), corrected("05 08:00", stop_wh=50_000)])
    assert on_the_book(session, "J01") == [("J01", "02 11:00", {"1105/S-1": 1200, "2011/OP": -1200})]
    assert released(session) == ("05 08:00", "05")


def test_a_release_is_never_taken_back_by_a_later_correction() -> None:
    facts = [*charged(), captured("02 12:00"), corrected("05 08:00", 15_000)]
    assert releases(ON_CAPTURE, *facts) == ("02 12:00", "02")


@pytest.mark.parametrize(
    ("delay_days", "business_days_only", "end", "available"),
    [
        (0, False, "06 11:00", "06"),
        (1, False, "06 11:00", "07"),
        (1, True, "06 11:00", "09"),  # The 6th is a Friday.
        (2, True, "05 11:00", "09"),
        (1, True, "07 11:00", "09"),  # Saturday and one business day is Monday.
        (0, True, "07 11:00", "07"),
    ],
)
def test_a_share_is_available_the_delay_after_its_release(
    delay_days: int, business_days_only: bool, end: str, available: str
) -> None:
    known = catalogue(operator({"delay_days": delay_days, "business_days_only": business_days_only}))
    session = decided([started("02 10:00"), ended(end)], known)
    assert released(session) == (end, available)


def test_a_release_before_the_cut_off_belongs_to_the_day_before() -> None:
    known = catalogue(operator({"cutoff_time": "03:00"}))
    assert released(decided([started("02 22:00"), ended("03 02:59")], known)) == ("03 02:59", "02")
    assert released(decided([started("02 22:00"), ended("03 03:00")], known)) == ("03 03:00", "03")


def test_cut_off_and_delay_are_those_in_effect_at_the_release() -> None:
    known = catalogue(operator({"delay_days": 1}, **ON_CAPTURE))
    later = operator({"delay_days": 5}, effective_from="2026-03-03T00:00:00Z", **ON_CAPTURE)
    known.publish("operator.changed", "b", "new", at("03 00:00"), later)
    assert released(decided([*charged(), captured("02 12:00")], known)) == ("02 12:00", "03")
    assert released(decided([*charged(), captured("03 12:00")], known)) == ("03 12:00", "08")


def test_the_release_rule_is_the_one_in_effect_at_the_start() -> None:
    known = catalogue()
    later = operator(effective_from="2026-03-02T10:30:00Z", **ON_CAPTURE)
    known.publish("operator.changed", "b", "new", at("02 10:30"), later)
    assert released(decided(charged(), known)) == ("02 11:00", "02")


def test_a_share_without_delay_matures_when_it_is_released() -> None:
    session = decided(charged())
    assert on_the_book(session, "J08") == [("J08", "02 11:00", {"2011/OP": 1080, "2010/OP": -1080})]


def test_a_delayed_share_matures_when_its_business_date_opens_and_not_before_the_clock_says_so() -> None:
    known = catalogue(operator({"delay_days": 1, "cutoff_time": "03:00"}))
    early = decided(charged(), known, clock=at("03 02:59"))
    assert on_the_book(early, "J08") == []
    assert (balance(early, "2011/OP"), balance(early, "2010/OP")) == (-1080, 0)
    late = decided(charged(), known, clock=at("03 03:00"))
    assert on_the_book(late, "J08") == [("J08", "03 03:00", {"2011/OP": 1080, "2010/OP": -1080})]


def test_without_a_release_nothing_matures() -> None:
    session = decided(charged(), catalogue(operator(**ON_CAPTURE)))
    assert on_the_book(session, "J08") == []
