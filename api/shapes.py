"""The shape of an answer, for the OpenAPI document: read off its example, with what a field may also be.

A field has one meaning wherever it stands, as in the files of `export`; so what may be null or left out is said here
once, by its name, and not beside each resource.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeAlias

Schema: TypeAlias = dict[str, Any]

_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
AS_OF: Final[Schema] = {"$ref": "#/components/schemas/AsOf"}

_TEXT: Final[Schema] = {"type": "string"}
_TIME: Final[Schema] = {"type": "string", "format": "date-time"}
_WHOLE: Final[Schema] = {"type": "integer"}
_NUMBER: Final[Schema] = {"type": "number"}
_OBJECT: Final[Schema] = {"type": "object"}

# Fields that may be null, and what they are when they are not.
NULLABLE: Final[Mapping[str, Schema]] = {
    "next_cursor": _TEXT,
    **dict.fromkeys(("session_id", "payout_id", "reverses", "reversed_by"), _TEXT),
    **dict.fromkeys(("from", "to"), _TIME),
    **dict.fromkeys(("event_source", "event_id", "event_type", "path", "key"), _TEXT),
    **dict.fromkeys(("partition", "offset"), _WHOLE),
    **dict.fromkeys(("replayed_at", "expires_at", "last_used_at", "revoked_at"), _TIME),
    **dict.fromkeys(("event_time", "last_at", "next_at", "oldest_at", "newest_at"), _TIME),
    **dict.fromkeys(("seconds_behind", "oldest_s", "newest_s", "age_s"), _NUMBER),
    **dict.fromkeys(("created_by", "last_date"), _TEXT),
    **dict.fromkeys(("verified", "rates"), _OBJECT),
}
# Fields that are left out where they say nothing.
OPTIONAL: Final[frozenset[str]] = frozenset(
    {"as_of", "cdr_delay_minutes", "orphan_hours", "advance_limit", "payout", "hold_overlaps"}
)
# Fields that hold what others sent, whatever that is.
OPEN: Final[frozenset[str]] = frozenset({"record", "key", "headers"})


class Keyed(dict[str, Any]):
    """An example whose fields are named by what they are of, such as currencies: there may be others."""


class Loose(dict[str, Any]):
    """An example of which not every field is always there.

    Of its fields those `nullable` may be null, those `optional` may be left out, and those `free` hold anything; it
    may have `more` than are shown.
    """

    def __init__(
        self,
        example: Mapping[str, Any],
        *,
        nullable: Iterable[str] = (),
        optional: Iterable[str] = (),
        free: Iterable[str] = (),
        more: bool = False,
    ) -> None:
        super().__init__(example)
        self.nullable, self.optional, self.free = frozenset(nullable), frozenset(optional), frozenset(free)
        self.more = more


_SURE: Final = Loose({})


def shape_of(example: Any) -> Schema:
    """The JSON Schema of answers like an example; objects may have more fields, which later versions will."""
    shape = _shape(example)
    if shape.get("type") == "object":
        shape.setdefault("properties", {})["as_of"] = AS_OF
    return shape


def _shape(example: Any, name: str = "") -> Schema:
    if name in OPEN:
        return {}
    if isinstance(example, Keyed):
        return {"type": "object", "additionalProperties": _shape(next(iter(example.values())))}
    if isinstance(example, Mapping):
        return _object(example)
    if isinstance(example, list | tuple):
        return {"type": "array", "items": _any_of_them([_shape(each) for each in example])}
    return _value(example)


def _object(example: Mapping[str, Any]) -> Schema:
    loose = example if isinstance(example, Loose) else _SURE
    fields = {
        name: {} if name in loose.free else _field(name, value, name in loose.nullable)
        for name, value in example.items()
    }
    required = [name for name in example if name not in OPTIONAL | loose.optional]
    more: Schema = {"additionalProperties": True} if loose.more else {}
    return {"type": "object", "properties": fields} | ({"required": required} if required else {}) | more


def _field(name: str, value: Any, nullable: bool) -> Schema:
    if name not in NULLABLE and not nullable:
        return _shape(value, name)
    shape = NULLABLE.get(name, {}) if value is None else _shape(value, name)
    return {"anyOf": [shape, {"type": "null"}]} if shape else {}


def _value(example: Any) -> Schema:
    if isinstance(example, bool):
        return {"type": "boolean"}
    if isinstance(example, int):
        return dict(_WHOLE)
    if isinstance(example, float):
        return {"type": "number"}
    if isinstance(example, str):
        form = {"format": "date-time"} if _MOMENT.fullmatch(example) else {}
        return _TEXT | ({"format": "date"} if _DAY.fullmatch(example) else form)
    # Null, of which nobody has said what else it may be.
    return {}


def _any_of_them(shapes: Sequence[Schema]) -> Schema:
    """One shape for the members of a list: the fields of all, of which those are required that all have."""
    if all(each == shapes[0] for each in shapes):
        return next(iter(shapes), {})
    if not all("properties" in each for each in shapes):
        types = {str(each.get("type")) for each in shapes}
        return {"type": types.pop()} if len(types) == 1 else {}
    fields: Schema = {}
    for each in shapes:
        fields |= {name: field for name, field in each["properties"].items() if fields.get(name) in (None, {})}
    required = [name for name in fields if all(name in each.get("required", ()) for each in shapes)]
    return {"type": "object", "properties": fields} | ({"required": required} if required else {})
