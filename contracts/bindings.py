"""The two Kafka bindings of CloudEvents 1.0, read into one form: an object of attributes and `data`."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from contracts.refusal import RefusalCode

# Kafka brokers take records of up to 1,048,588 bytes unless told otherwise; some of it is headers and framing.
MAX_VALUE_BYTES = 1_000_000

_ATTRIBUTE_PREFIX = "ce_"
_BINARY_MARKS = frozenset({"ce_specversion", "ce_id", "ce_source", "ce_type"})
_NUL = "\x00"


class Unreadable(Exception):
    """A record that holds no event; never leaves this package. `attributes` is what could be read of the envelope."""

    def __init__(self, code: RefusalCode, path: str, sentence: str, attributes: Mapping[str, Any]) -> None:
        super().__init__(sentence)
        self.code = code
        self.path = path
        self.sentence = sentence
        self.attributes = attributes


def read_event(value: bytes | None, headers: Sequence[tuple[str, bytes]]) -> dict[str, Any]:
    """The attributes and `data` of a record in either binding, unchecked. Raises Unreadable when there are none."""
    attributes = _binary_attributes(headers) if headers else None
    if value is None or len(value) == 0:
        raise Unreadable(
            RefusalCode.NOT_JSON, "$", "the record has no value; send the event as its value", attributes or {}
        )
    if len(value) > MAX_VALUE_BYTES:
        sentence = f"the value has {len(value)} bytes, more than the {MAX_VALUE_BYTES} a record may have; split it"
        raise Unreadable(RefusalCode.TOO_LARGE, "$", sentence, attributes or {})
    document = _parse(value, attributes)
    if attributes is not None:
        attributes["data"] = document
        return attributes
    if not isinstance(document, dict):
        sentence = "the value is not a JSON object; send one CloudEvents event a record, not a batch or a bare value"
        raise Unreadable(RefusalCode.NOT_CLOUDEVENT, "$", sentence, {})
    return document


def _binary_attributes(headers: Sequence[tuple[str, bytes]]) -> dict[str, Any] | None:
    """Attributes from `ce_*` headers; None when the record is in the structured binding."""
    texts = {name.lower(): value for name, value in headers if value is not None}
    content_type = _text(texts.get("content-type", b""))
    if content_type.startswith("application/cloudevents") or _BINARY_MARKS.isdisjoint(texts):
        return None
    attributes: dict[str, Any] = {
        name.removeprefix(_ATTRIBUTE_PREFIX): _text(value)
        for name, value in texts.items()
        if name.startswith(_ATTRIBUTE_PREFIX) and name != "ce_data"
    }
    if content_type:
        attributes["datacontenttype"] = content_type
    return attributes


def _text(value: bytes) -> str:
    # Bytes that are not UTF-8 become replacement characters, which no checked attribute may hold.
    return value.decode("utf-8", "replace")


def _parse(value: bytes, attributes: Mapping[str, Any] | None) -> Any:
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        problem = str(error)
    lenient = _parse_leniently(value)
    path = next(_paths(lenient, _is_no_number), "") if lenient is not None else ""
    if attributes is None:
        attributes = lenient if isinstance(lenient, dict) else {}
    elif path:
        path = f"data.{path}"
    if path:
        sentence = f"{path} is NaN or an infinity, which JSON does not have; send a number or leave the field out"
        raise Unreadable(RefusalCode.NOT_JSON, path, sentence, attributes)
    sentence = f"the value is not JSON: {problem[:120]}; send one CloudEvents event in UTF-8 JSON"
    raise Unreadable(RefusalCode.NOT_JSON, "$", sentence, attributes)


def _parse_leniently(value: bytes) -> Any:
    """What Python's own reader makes of a value, which takes NaN and infinities; None where it fails, too."""
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None


def find_nul(event: object) -> str:
    """The path of the first text with a NUL character, which PostgreSQL cannot store; empty when there is none."""
    return next(_paths(event, lambda leaf: isinstance(leaf, str) and _NUL in leaf), "")


def _is_no_number(leaf: object) -> bool:
    return isinstance(leaf, float) and (leaf != leaf or leaf in (float("inf"), float("-inf")))


def _paths(document: Any, wanted: Any) -> Iterator[str]:
    """Paths of the leaves, and of the objects with a key, that are wanted; without recursion, so of any depth."""
    open_nodes: list[tuple[str, Any]] = [("", document)]
    while open_nodes:
        path, node = open_nodes.pop()
        if isinstance(node, dict):
            for name, inner in node.items():
                # Keys of a refused document may hold anything, half a surrogate pair and NUL too.
                label = name.encode("ascii", "backslashreplace").decode().replace(_NUL, r"\x00")
                below = f"{path}.{label}" if path else label
                if wanted(name):
                    yield path or "$"
                open_nodes.append((below, inner))
        elif isinstance(node, list):
            open_nodes.extend((f"{path}[{index}]", inner) for index, inner in enumerate(node))
        elif wanted(node):
            yield path or "$"
