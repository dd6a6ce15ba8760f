"""`expand=a,b`: which ids of an object are wanted as the objects that they name, one level deep."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from fastapi import Query

from api.problems import bad_parameter

# Fewer than this many signs name all that there is.
_LENGTH_MAX = 200


def expansion(*fields: str, within: str, of: str) -> Callable[[str | None], Awaitable[frozenset[str]]]:
    """A dependency that reads `expand`: any of these fields, each by itself or as `OBJECT.FIELD`. `of` tells what."""

    async def read(
        expand: Annotated[
            str | None,
            Query(max_length=_LENGTH_MAX, description=f"{', '.join(f'`{each}`' for each in fields)}: {of}"),
        ] = None,
    ) -> frozenset[str]:
        asked = [each.strip() for each in expand.split(",")] if expand is not None else []
        known = {each: each for each in fields} | {f"{within}.{each}": each for each in fields}
        for each in asked:
            if each not in known:
                raise bad_parameter("expand", f"{each[:64]!r} cannot be expanded here; known are {', '.join(known)}")
        return frozenset(known[each] for each in asked)

    return read
