"""JSON Lines that were kept outside the database, or records of a topic that have the same as their data."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import orjson

T = TypeVar("T")


def read_kept(
    lines: Iterable[bytes], read: Callable[[Any], T], unreadable: type[Exception], what: str
) -> Iterator[T]:
    """What `read` makes of each line, or of the data of a line that is a CloudEvent.

    A last line without its line feed was cut off by a crash and counts for nothing, unless it is whole. Raises
    `unreadable` for any other line that is none, by its number and `what` it should be.
    """
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            told = orjson.loads(line)
            yield read(told.get("data", told))
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
            if line.endswith(b"\n"):
                raise unreadable(f"line {number} is no {what}") from None
