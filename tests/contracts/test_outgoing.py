"""What leaves: the same bytes on each emission, CDRs that hold OCPI's rules, dead letters that fit into a record."""

import json
from base64 import b64decode
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.bindings import MAX_VALUE_BYTES
from contracts.errors import NotEncodableError, UnknownTypeError
from contracts.ocpi.cdr import Cdr
from contracts.outgoing import MAX_RAW_BYTES, OUTBOUND_MODEL_OF, RawBytes, encode, outbound_key, raw_bytes
from tests.contracts.builders import ABSENT, Golden, changed, golden_event, outbound_golden

MOMENT = datetime(2026, 3, 3, 4, 0, tzinfo=timezone(timedelta(hours=2)))
ISSUED = "settlement.cdr.issued/v1-roaming"
CREDITED = "settlement.cdr.credited/v1-corrected"


@pytest.mark.parametrize("golden", outbound_golden(), ids=str)
def test_an_encoded_event_is_the_golden_one(golden: Golden) -> None:
    event = golden.event
    moment = datetime.fromisoformat(event["time"])
    assert json.loads(encode(golden.type, event["id"], event["subject"], moment, event["data"])) == event


def test_encoding_twice_gives_the_same_bytes_in_utc() -> None:
    data = golden_event("settlement.notification.raised/v1-suspense")["data"]
    first = encode("settlement.notification.raised", "n-1", "S-1", MOMENT, data)
    assert encode("settlement.notification.raised", "n-1", "S-1", MOMENT, data) == first
    assert json.loads(first)["time"] == "2026-03-03T02:00:00Z"


def test_a_type_that_is_not_ours_is_not_encoded() -> None:
    with pytest.raises(UnknownTypeError, match=r"payment\.captured"):
        encode("payment.captured", "1", "S-1", MOMENT, {})


def test_a_naive_time_is_not_encoded() -> None:
    with pytest.raises(NotEncodableError, match="naive"):
        encode("settlement.cdr.issued", "1", "S-1", MOMENT.replace(tzinfo=None), {})


def test_data_that_json_cannot_hold_is_not_encoded() -> None:
    with pytest.raises(NotEncodableError, match="JSON"):
        encode("settlement.cdr.issued", "1", "S-1", MOMENT, {"cdr": {1, 2}})


def test_batches_are_keyed_by_operator_and_cdrs_by_their_subject() -> None:
    assert outbound_key("settlement.batch.created", "payout", {"operator_id": "OP-1"}) == "OP-1"
    assert outbound_key("settlement.cdr.issued", "S-1", {}) == "S-1"


@settings(deadline=None)
@given(st.binary(max_size=200) | st.text().map(lambda text: text.encode("utf-8", "replace")))
def test_raw_bytes_come_back_as_they_were(value: bytes) -> None:
    raw = RawBytes.model_validate(raw_bytes(value))
    assert (raw.text.encode() if raw.encoding == "utf-8" else b64decode(raw.text)) == value
    assert not raw.truncated


@pytest.mark.parametrize("byte", [b"a", b'"', b"\x01", b"\xff"])
def test_the_largest_record_still_fits_into_its_dead_letter(byte: bytes) -> None:
    data = golden_event("settlement.deadletter.recorded/v1-no-value")["data"]
    letter = encode(
        "settlement.deadletter.recorded", "d", "t-0-1", MOMENT, {**data, "record": raw_bytes(byte * MAX_VALUE_BYTES)}
    )
    assert len(letter) < MAX_VALUE_BYTES
    assert json.loads(letter)["data"]["record"]["truncated"]


def test_a_record_cut_short_keeps_its_beginning() -> None:
    value = bytes(range(256)) * 4000
    assert b64decode(raw_bytes(value)["text"]) == value[:MAX_RAW_BYTES]


BAD_CDRS: list[tuple[str, str, Any]] = [
    *[(ISSUED, f"data.cdr.{name}", ABSENT) for name, field in Cdr.model_fields.items() if field.is_required()],
    (ISSUED, "data.cdr.id", "x" * 37),
    (ISSUED, "data.cdr.session_id", "x" * 37),
    (ISSUED, "data.cdr.session_id", "é"),
    (ISSUED, "data.cdr.country_code", "NLD"),
    (ISSUED, "data.cdr.auth_method", "NONE"),
    (ISSUED, "data.cdr.cdr_location.country", "NL"),
    (ISSUED, "data.cdr.cdr_location.country", "ZZZ"),
    (ISSUED, "data.cdr.cdr_location.address", "x" * 46),
    (ISSUED, "data.cdr.cdr_location.connector_standard", "TYPE_2"),
    (ISSUED, "data.cdr.cdr_location.connector_power_type", "AC"),
    (ISSUED, "data.cdr.cdr_location.evse_id", ABSENT),
    (ISSUED, "data.cdr.cdr_token.contract_id", ABSENT),
    (ISSUED, "data.cdr.start_date_time", "2026-03-01T10:00:00+00:00"),
    (ISSUED, "data.cdr.start_date_time", "2026-03-01T10:00:00.123456Z"),
    (ISSUED, "data.cdr.start_date_time", "2026-03-01T10:30:00Z"),
    (ISSUED, "data.cdr.charging_periods", []),
    (ISSUED, "data.cdr.charging_periods.0.start_date_time", "2026-03-01T11:30:00Z"),
    (ISSUED, "data.cdr.charging_periods.0.dimensions", []),
    (ISSUED, "data.cdr.charging_periods.0.dimensions.0.type", "FLAT"),
    (ISSUED, "data.cdr.charging_periods.0.dimensions.0.volume", "12.0"),
    (ISSUED, "data.cdr.total_energy", "12"),
    (ISSUED, "data.cdr.total_cost", 7.11),
    (ISSUED, "data.cdr.total_cost.incl_vat", float("inf")),
    (ISSUED, "data.cdr.credit", True),
    (ISSUED, "data.cdr.credit_reference_id", "x"),
    (ISSUED, "data.cdr.colour", "green"),
    (ISSUED, "data.cdr.tariffs.0.elements", []),
    (CREDITED, "data.cdr.credit_reference_id", ABSENT),
    (CREDITED, "data.cdr.total_cost.excl_vat", 5.88),
    (CREDITED, "data.cdr.id", "x" * 40),
]


@pytest.mark.parametrize(("name", "path", "value"), BAD_CDRS, ids=lambda part: str(part)[:50])
def test_a_cdr_that_breaks_ocpi_is_seen(name: str, path: str, value: object) -> None:
    event = changed(name, path, value)
    with pytest.raises(ValidationError):
        OUTBOUND_MODEL_OF[event["type"]].model_validate(event)
