"""Events to start from: every golden file, and a few changed by one field."""

import json
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

import contracts
from contracts.authorizations import QUESTION_MODEL_OF
from contracts.decode import Message, decode
from contracts.inbound import INBOUND_MODEL_OF
from contracts.outgoing import OUTBOUND_MODEL_OF
from contracts.refusal import Refusal

GOLDEN_DIR = Path(contracts.__file__).parent / "golden"


class Absent(Enum):
    """What stands for a field that is not there; a test that is named by it has the same name in each process."""

    ABSENT = "absent"

    def __str__(self) -> str:
        return self.value


ABSENT = Absent.ABSENT

Event = dict[str, Any]


@dataclass(frozen=True)
class Golden:
    """A released example of one type and version."""

    type: str
    version: int
    path: Path

    @property
    def raw(self) -> bytes:
        return self.path.read_bytes()

    @property
    def event(self) -> Event:
        event: Event = json.loads(self.raw)
        return event

    def __str__(self) -> str:
        return f"{self.type}/{self.path.stem}"


@cache
def golden_files() -> tuple[Golden, ...]:
    paths = sorted(GOLDEN_DIR.glob("*/v*-*.json"))
    return tuple(Golden(path.parent.name, int(path.stem.partition("-")[0][1:]), path) for path in paths)


def inbound_golden() -> list[Golden]:
    others = {*OUTBOUND_MODEL_OF, *QUESTION_MODEL_OF}
    return [golden for golden in golden_files() if golden.type not in others]


def question_golden() -> list[Golden]:
    return [golden for golden in golden_files() if golden.type in QUESTION_MODEL_OF]


def outbound_golden() -> list[Golden]:
    return [golden for golden in golden_files() if golden.type in OUTBOUND_MODEL_OF]


def required_fields(type_: str) -> list[str]:
    """The fields of its data that an event of a type cannot do without."""
    data: Any = INBOUND_MODEL_OF[type_].model_fields["data"].annotation
    return [field.alias or name for name, field in data.model_fields.items() if field.is_required()]


def golden_event(name: str) -> Event:
    """The golden event known as `type/v1-case`."""
    return deepcopy(next(golden.event for golden in golden_files() if str(golden) == name))


def changed(name: str, path: str, value: object) -> Event:
    """A golden event with one field replaced, added or, with ABSENT, taken away."""
    return put(golden_event(name), path, value)


def put(document: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """The document itself, with one field replaced, added or, with ABSENT, taken away."""
    node: Any = document
    *parents, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    for step in parents:
        node = node[step]
    if value is ABSENT:
        del node[last]
    else:
        node[last] = value
    return document


def as_value(event: object) -> bytes:
    """A record's value in the structured binding; NaN is written as Python writes it."""
    return json.dumps(event).encode()


def as_binary(event: Event) -> tuple[bytes, list[tuple[str, bytes]]]:
    """Value and headers of the same event in the binary binding."""
    headers = [(f"ce_{name}", str(value).encode()) for name, value in event.items() if name != "data"]
    return json.dumps(event["data"]).encode(), [("content-type", b"application/json"), *headers]


def accepted(value: bytes, headers: list[tuple[str, bytes]] | None = None) -> Message:
    result = decode(value, headers or [])
    assert isinstance(result, Message), result
    return result


def refused(value: bytes | None, headers: list[tuple[str, bytes]] | None = None) -> Refusal:
    result = decode(value, headers or [])
    assert isinstance(result, Refusal), result
    return result


def in_random_key_order(event: object, shuffle: Callable[[list[Any]], None]) -> object:
    """The same document with the keys of every object in another order."""
    if isinstance(event, list):
        return [in_random_key_order(item, shuffle) for item in event]
    if not isinstance(event, dict):
        return event
    names = list(event)
    shuffle(names)
    return {name: in_random_key_order(event[name], shuffle) for name in names}
