"""The content of a message once it is read: what tells a duplicate from a conflict, however each was written."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol

from pydantic import ValidationError

from contracts.inbound import INBOUND_MODEL_OF
from contracts.signatures import SIGNATURE


class Said(Protocol):
    """A message as it was accepted: its type, its time, and its data in today's version."""

    @property
    def type(self) -> str: ...

    @property
    def time(self) -> datetime: ...

    @property
    def data(self) -> Mapping[str, Any]: ...


def same_content(one: Said, other: Said) -> bool:
    """Whether two messages of one source and id say the same once they are read.

    `12` is `12.00`, `+00:00` is `Z` and null is absent; the order of keys and unknown fields do not count.
    """
    return one.type == other.type and one.time == other.time and _read(one) == _read(other)


def _read(said: Said) -> Any:
    """The known fields as values; the data as it is where today's contract would refuse it."""
    model: Any = INBOUND_MODEL_OF[said.type].model_fields["data"].annotation
    # Who signs the same again says the same.
    data = {name: value for name, value in said.data.items() if name != SIGNATURE}
    try:
        return model.model_validate(data)
    except ValidationError:
        return data
