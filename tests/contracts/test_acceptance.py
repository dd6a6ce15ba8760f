"""Good messages: what is read leniently, and what an accepted message says."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.contracts.builders import ABSENT, accepted, as_value, changed, golden_event

STARTED = "charging.session.started/v1-card"
METERED = "charging.session.metered/v1-everything"
TARIFF = "tariff.published/v1-everything"
LOCATION = "location.published/v1-two-chargers"
OPERATOR = "operator.registered/v1-iban"
US_OPERATOR = "operator.registered/v1-routing-code"
NEWER = "tariff.published/v1-ocpi-2-3-0"

GOOD: list[tuple[str, str, Any]] = [
    (STARTED, "time", "2026-03-01T10:00:00.123456789+05:30"),
    (STARTED, "dataschema", None),
    (STARTED, "dataschema", "https://schemas.example/charging.session.started/9"),
    (STARTED, "data.token", None),
    (STARTED, "data.reserved_from", None),
    (STARTED, "data.session_id", "x" * 64),
    (STARTED, "data.session_id", "a b~!"),
    (STARTED, "data.meter_start_wh", 0),
    (STARTED, "data.meter_start_wh", "0.001"),
    (METERED, "data.power_w", -3680),
    (METERED, "data.power_w", 1.5e3),
    (METERED, "data.soc_percent", "80.5"),
    ("payment.captured/v1-card", "data.amount.amount", "7"),
    ("payment.captured/v1-card", "data.amount.amount", "0.00"),
    ("payment.captured/v1-card", "data.fee.amount", "0"),
    ("payment.settled/v1-two-payments", "data.net.amount", "-16.77"),
    ("payment.settled/v1-two-payments", "data.items", []),
    ("payment.settled/v1-two-payments", "data.items.1.gross.amount", "-1"),
    ("payment.settled/v1-two-payments", "data.items.1.fee.amount", "-0.02"),
    ("payment.settled/v1-two-payments", "data.part", 1),
    ("payment.settled/v1-second-part", "data.parts", None),
    (OPERATOR, "data.commission.percent", 7.5),
    (OPERATOR, "data.payout.delay_days", 0),
    (OPERATOR, "data.payout.holiday_calendar", "NL"),
    (OPERATOR, "data.payout.holiday_calendar", "DE-BY"),
    (OPERATOR, "data.payout.holiday_calendar", None),
    (OPERATOR, "data.payout.cutoff_time", "23:59"),
    (OPERATOR, "data.cdr_delay_minutes", ABSENT),
    (OPERATOR, "data.bank_account.bic", ABSENT),
    (OPERATOR, "data.bank_account.iban", "NL91 ABNA 0417 1643 00"),
    (OPERATOR, "data.bank_account.iban", "nl91abna0417164300"),
    (US_OPERATOR, "data.bank_account.routing_code", "026009593"),
    (OPERATOR, "data.orphan_hours", 8760),
    (OPERATOR, "data.orphan_hours", None),
    (TARIFF, "data.partner", None),
    (TARIFF, "data.taxes", []),
    ("charging.reservation.expired/v1-no-show", "data.expired_at", "2026-03-01T09:30:00Z"),
    ("charging.reservation.expired/v1-roaming", "data.token", None),
    ("tariff.rerating_ordered/v1-one-tariff", "data.sessions_of_tariff", None),
    (OPERATOR, "data.time_zone", "UTC"),
    (TARIFF, "data.tariff.elements.1.restrictions.reservation", "RESERVATION_EXPIRES"),
    (TARIFF, "data.tariff.tax_included", None),
    (TARIFF, "data.tariff.max_price.before_taxes", None),
    (TARIFF, "data.tariff.max_price.excl_vat", 0.5),
    (NEWER, "data.tariff.tax_included", "NO"),
    (NEWER, "data.tariff.tax_included", ABSENT),
    (NEWER, "data.tariff.min_price", None),
    (NEWER, "data.tariff.max_price.after_taxes", ABSENT),
    (TARIFF, "data.tariff.type", "PROFILE_NEW"),
    (TARIFF, "data.tariff.elements.0.price_components.0.price", "0.4900"),
    (TARIFF, "data.tariff.elements.0.price_components.0.step_size", 0),
    (TARIFF, "data.tariff.last_updated", "2026-01-01T00:00:00"),
    (LOCATION, "data.location.publish", ABSENT),
    (LOCATION, "data.location.parking_type", "ON_THE_MOON"),
    (LOCATION, "data.location.evses.0.status", "SLEEPING"),
    (LOCATION, "data.location.evses.0.connectors.0.standard", "MCS"),
    (LOCATION, "data.location.evses", ABSENT),
]


@pytest.mark.parametrize(("name", "path", "value"), GOOD, ids=lambda part: str(part)[:40])
def test_what_the_contract_leaves_open_is_accepted(name: str, path: str, value: object) -> None:
    assert accepted(as_value(changed(name, path, value))).extra_fields == 0


def test_the_time_of_a_message_is_in_utc() -> None:
    message = accepted(as_value(changed(STARTED, "time", "2026-03-01T10:00:00+05:30")))
    assert message.time == datetime(2026, 3, 1, 4, 30, tzinfo=UTC)


def test_known_fields_stay_as_they_came() -> None:
    event = golden_event(TARIFF)
    assert accepted(as_value(event)).data == event["data"]


def test_unknown_fields_are_ignored_and_counted_wherever_they_are() -> None:
    event = golden_event("charging.session.started/v1-roaming")
    event["data"]["cable_colour"] = "orange"
    event["data"]["token"]["visual_number"] = {"anything": [1, 2]}
    assert accepted(as_value(event)).extra_fields == 2


def test_unknown_fields_inside_ocpi_objects_and_lists_are_counted() -> None:
    event = golden_event(TARIFF)
    event["data"]["tariff"]["preauthorize_amount"] = 50
    for element in event["data"]["tariff"]["elements"]:
        element["price_components"][0]["colour"] = "green"
    assert accepted(as_value(event)).extra_fields == 1 + len(event["data"]["tariff"]["elements"])


def test_a_restriction_that_is_unknown_is_counted_and_left_to_the_rating() -> None:
    event = changed(TARIFF, "data.tariff.elements.0.restrictions.moon_phase", "FULL")
    assert accepted(as_value(event)).extra_fields == 1


def test_unknown_fields_of_either_form_of_a_tariff_are_counted_once() -> None:
    event = golden_event(NEWER)
    event["data"]["tariff"]["min_price"]["colour"] = "green"
    event["data"]["tariff"]["elements"][0]["colour"] = "green"
    assert accepted(as_value(event)).extra_fields == 2


def test_what_is_free_needs_no_vat_whatever_prices_include() -> None:
    event = changed(NEWER, "data.tariff.elements.0.price_components.0", {"type": "TIME", "price": 0, "step_size": 1})
    assert accepted(as_value(event)).extra_fields == 0


def test_prices_that_include_configured_taxes_need_no_vat() -> None:
    event = changed(NEWER, "data.tariff.elements.0.price_components.0.vat", ABSENT)
    event["data"]["taxes"] = [{"name": "VAT", "percent": 21}]
    assert accepted(as_value(event)).extra_fields == 0


def test_unknown_fields_of_an_ordered_tariff_and_its_taxes_are_counted() -> None:
    event = golden_event("tariff.rerating_ordered/v1-all-sessions")
    event["data"]["taxes"][1]["region"] = "QC"
    event["data"]["tariff"]["elements"][0]["colour"] = "green"
    event["data"]["approved_by"] = "Jo"
    assert accepted(as_value(event)).extra_fields == 3


def test_unknown_fields_of_either_bank_account_are_counted() -> None:
    for name in (OPERATOR, "operator.registered/v1-routing-code"):
        assert accepted(as_value(changed(name, "data.bank_account.branch", "Dam 1"))).extra_fields == 1


def test_extension_attributes_are_part_of_cloudevents_and_not_unknown() -> None:
    assert accepted(as_value(changed(STARTED, "traceparent", "00-ab-cd-01"))).extra_fields == 0


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    event = changed("charging.session.ended/v1-unplugged", "data.reason", r"path \u0000 quoted")
    assert accepted(as_value(event)).data["reason"] == r"path \u0000 quoted"
