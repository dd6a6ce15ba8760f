"""Older versions of events become today's before they are checked."""

import pytest

from contracts.refusal import RefusalCode
from contracts.upcasters import CURRENT_VERSION, STEPS, version_of
from tests.contracts.builders import ABSENT, accepted, as_value, changed, golden_event, refused

PILOT = "charging.session.ended/v0-pilot-gateway"


def test_a_session_end_of_a_pilot_gateway_is_read_in_watt_hours() -> None:
    message = accepted(as_value(golden_event(PILOT)))
    assert message.data == {
        "session_id": "S-0007",
        "ended_at": "2025-06-01T08:00:00Z",
        "meter_stop_wh": "14250",
        "reason": "Remote",
    }


def test_a_pilot_gateway_that_gives_no_reason_stopped_locally() -> None:
    assert accepted(as_value(changed(PILOT, "data.stop_reason", ABSENT))).data["reason"] == "Local"


def test_unknown_fields_of_an_old_version_survive_and_are_counted() -> None:
    message = accepted(as_value(changed(PILOT, "data.firmware", "0.9")))
    assert (message.data["firmware"], message.extra_fields) == ("0.9", 1)


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("data.meter_stop_kwh", ABSENT, RefusalCode.MISSING_FIELD),
        ("data.meter_stop_kwh", 14.25, RefusalCode.WRONG_TYPE),
        ("data.meter_stop_kwh", "NaN", RefusalCode.BAD_VALUE),
        ("data", [], RefusalCode.WRONG_TYPE),
    ],
)
def test_a_fault_in_an_old_version_is_named_in_its_own_terms(path: str, value: object, code: RefusalCode) -> None:
    refusal = refused(as_value(changed(PILOT, path, value)))
    assert (refusal.code, refusal.path) == (code, path)


def test_the_digest_is_of_what_was_sent_and_not_of_what_it_became() -> None:
    current = changed(PILOT, "dataschema", ABSENT)
    current["data"] = accepted(as_value(golden_event(PILOT))).data
    assert accepted(as_value(current)).digest != accepted(as_value(golden_event(PILOT))).digest


@pytest.mark.parametrize(
    ("dataschema", "version"),
    [
        (None, 1),
        ("", 1),
        ("https://schemas.example/charging.session.ended/0", 0),
        ("https://schemas.example/charging.session.ended/v0", 0),
        ("https://schemas.example/charging.session.ended/v0.json", 0),
        ("urn:wattledger:schema:charging.session.ended:0", 0),
        ("urn:wattledger:schema:charging.session.ended:1", 1),
        ("https://schemas.example/charging.session.ended/7", 1),
        ("https://schemas.example/charging.session.ended.json", 1),
        ("/" + "9" * 5000, 1),
        (5, 1),
    ],
)
def test_the_version_is_the_last_segment_of_the_schema(dataschema: object, version: int) -> None:
    assert version_of(dataschema) == version


def test_every_step_starts_below_the_current_version() -> None:
    assert all(0 <= version < CURRENT_VERSION for _, version in STEPS)
