"""Whatever a record holds, decoding answers and never raises."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.decode import Message, decode
from contracts.refusal import MAX_PATH_CHARS, MAX_SENTENCE_CHARS, Refusal
from tests.contracts.builders import Golden, inbound_golden
from tests.support.examples import examples

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.sampled_from(["", "1.0", "NaN", "9" * 400, "2026-03-01T10:00:00Z", "EUR", "\x00", "\ud800", "-0", "1e999"])
)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "content-type"]) | st.text(),
        st.binary(max_size=30) | st.sampled_from([b"1.0", b"payment.captured", b"application/cloudevents+json"]),
    ),
    max_size=8,
)


def check(result: Message | Refusal) -> None:
    """A message has its digest; a refusal can be written down as it is."""
    if isinstance(result, Message):
        assert len(result.digest) == 16
        return
    assert len(result.sentence) <= MAX_SENTENCE_CHARS
    assert len(result.path) <= MAX_PATH_CHARS
    text = "".join(part or "" for part in (result.path, result.sentence, result.id, result.source, result.type))
    assert "\x00" not in text.encode().decode()
    assert (result.id is None) == (result.source is None)


@settings(deadline=None)
@given(value=st.none() | st.binary(), headers=HEADERS)
def test_any_bytes_get_an_answer(value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
    check(decode(value, headers))


@settings(deadline=None)
@given(document=JSON, headers=HEADERS)
def test_any_json_gets_an_answer(document: Any, headers: list[tuple[str, bytes]]) -> None:
    check(decode(json.dumps(document).encode(), headers))


def places(node: Any, here: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The location of every value inside a document."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [here, *(place for step, inner in children for place in places(inner, (*here, step)))]


@settings(max_examples=examples(150), deadline=None)
@given(data=st.data(), golden=st.sampled_from(inbound_golden()), value=JSON)
def test_an_event_with_anything_anywhere_gets_an_answer(data: st.DataObject, golden: Golden, value: Any) -> None:
    event = golden.event
    *parents, last = data.draw(st.sampled_from(places(event)[1:]))
    node: Any = event
    for step in parents:
        node = node[step]
    node[last] = value
    check(decode(json.dumps(event).encode()))


@settings(max_examples=examples(120), deadline=None)
@given(golden=st.sampled_from(inbound_golden()), at=st.floats(0, 1), noise=st.binary(max_size=4))
def test_an_event_with_bytes_knocked_out_gets_an_answer(golden: Golden, at: float, noise: bytes) -> None:
    position = int(at * len(golden.raw))
    check(decode(golden.raw[:position] + noise + golden.raw[position + len(noise) + 1 :]))
