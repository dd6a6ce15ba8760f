"""Both Kafka bindings of CloudEvents: the same event, the same message, the same digest."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.decode import DIGEST_BYTES
from contracts.refusal import RefusalCode
from tests.contracts.builders import (
    Golden,
    accepted,
    as_binary,
    as_value,
    changed,
    golden_event,
    in_random_key_order,
    inbound_golden,
    refused,
)

METERED = "charging.session.metered/v1-everything"


@pytest.mark.parametrize("golden", inbound_golden(), ids=str)
def test_both_bindings_give_the_same_message(golden: Golden) -> None:
    value, headers = as_binary(golden.event)
    assert accepted(value, headers) == accepted(golden.raw)


@settings(deadline=None)
@given(seed=st.integers(), golden=st.sampled_from(inbound_golden()))
def test_neither_key_order_nor_spacing_changes_the_digest(seed: int, golden: Golden) -> None:
    shuffled = in_random_key_order(golden.event, random.Random(seed).shuffle)
    assert accepted(json.dumps(shuffled, indent=3).encode()).digest == accepted(golden.raw).digest


def test_a_digest_has_sixteen_bytes() -> None:
    assert len(accepted(as_value(golden_event(METERED))).digest) == DIGEST_BYTES == 16


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("data.register_wh", "1209500.6"),
        ("data.new_field", 1),
        ("time", "2026-03-01T10:30:01Z"),
        ("subject", "S-1"),
    ],
)
def test_other_content_has_another_digest(path: str, value: object) -> None:
    original = accepted(as_value(golden_event(METERED)))
    assert accepted(as_value(changed(METERED, path, value))).digest != original.digest


def test_extension_attributes_have_equal_digests_in_both_bindings() -> None:
    event = changed(METERED, "sampled", True) | {"partitionkey": "S-1", "sequence": 7, "unset": None}
    binary = changed(METERED, "sampled", "true") | {"partitionkey": "S-1", "sequence": "7"}
    assert accepted(*as_binary(binary)).digest == accepted(as_value(event)).digest


def test_a_structured_record_may_say_so_in_its_headers() -> None:
    headers = [("content-type", b"application/cloudevents+json; charset=utf-8"), ("ce_id", b"not looked at")]
    event = golden_event(METERED)
    assert accepted(as_value(event), headers) == accepted(as_value(event))


def test_a_trace_context_belongs_to_the_delivery_and_not_to_the_content() -> None:
    resent = changed(METERED, "traceparent", "00-ab")
    assert accepted(as_value(resent)).digest == accepted(as_value(golden_event(METERED))).digest


def test_headers_of_others_do_not_make_a_record_binary() -> None:
    event = golden_event(METERED)
    assert accepted(as_value(event), [("traceparent", b"00-ab"), ("content-type", b"application/json")])


def test_header_names_are_read_in_any_case() -> None:
    value, headers = as_binary(golden_event(METERED))
    assert accepted(value, [(name.upper(), content) for name, content in headers])


def test_a_binary_record_that_lacks_an_attribute_is_refused() -> None:
    value, headers = as_binary(golden_event(METERED))
    refusal = refused(value, [(name, content) for name, content in headers if name != "ce_time"])
    assert (refusal.code, refusal.path) == (RefusalCode.MISSING_FIELD, "time")


def test_a_tombstone_with_attributes_is_refused_with_its_identity() -> None:
    event = golden_event(METERED)
    refusal = refused(None, as_binary(event)[1])
    assert (refusal.code, refusal.id, refusal.source) == (RefusalCode.NOT_JSON, event["id"], event["source"])


def test_a_nan_in_a_binary_record_is_named_where_it_stands() -> None:
    value, headers = as_binary(changed(METERED, "data.power_w", float("nan")))
    assert (refused(value, headers).code, refused(value, headers).path) == (RefusalCode.NOT_JSON, "data.power_w")


def test_header_bytes_that_are_not_utf8_are_a_bad_value() -> None:
    value, headers = as_binary(golden_event(METERED))
    broken = [(name, b"\xff\xfe" if name == "ce_id" else content) for name, content in headers]
    assert (refused(value, broken).code, refused(value, broken).path) == (RefusalCode.BAD_VALUE, "id")


def test_a_header_named_ce_data_is_not_the_data() -> None:
    value, headers = as_binary(golden_event(METERED))
    assert accepted(value, [*headers, ("ce_data", b"{}")]) == accepted(value, headers)
