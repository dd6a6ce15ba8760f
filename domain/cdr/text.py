"""How ids, texts and times appear in OCPI objects, and what remembers how they do."""

from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from domain.calendar import utc_seconds

NOT_AVAILABLE = "#NA"
_ID_MAX = 36


def short_id(kind: str, identifier: str) -> str:
    """An id that OCPI's 36 characters can hold: itself, or a UUIDv5 of `wattledger:KIND:ID` when it is longer."""
    if len(identifier) <= _ID_MAX:
        return identifier
    return _uuid_of(kind, identifier)


@lru_cache(maxsize=4096)
def _uuid_of(kind: str, identifier: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"wattledger:{kind}:{identifier}"))


class SameObject:
    """A key of a cache by the identity of an object: what was made of a document is not made again for the same one.

    Documents are nested dictionaries, which cannot be hashed and take long to compare.
    """

    __slots__ = ("thing",)

    def __init__(self, thing: Any) -> None:
        self.thing = thing

    def __hash__(self) -> int:
        return id(self.thing)

    def __eq__(self, other: object) -> bool:
        return type(other) is SameObject and self.thing is other.thing


def datetime_text(moment: datetime) -> str:
    """An OCPI DateTime in UTC with `Z`: fractions only where there are some, cut to the four that 25 characters hold.

    Cutting, not rounding, keeps a moment on its side of every window's edge.
    """
    seconds = utc_seconds(moment)
    if not moment.microsecond:
        return f"{seconds}Z"
    fraction = f"{moment.microsecond:06d}"[:4].rstrip("0")
    return f"{seconds}.{fraction}Z" if fraction else f"{seconds}Z"
