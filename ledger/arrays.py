"""Columns of values as the text of PostgreSQL arrays, written in one go.

psycopg calls a dumper for each element of a list, which for the thousands of a batch takes longer than the database
needs to read the text. The statement names the type: `%s::text[]`. A JSON array of such values is an array literal
but for its brackets, as long as nothing in it is escaped; it is written several times as fast.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

import orjson

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\""})


def array(values: Collection[Any]) -> str:
    """An array literal of texts, whole numbers, booleans, moments with their offset, dates or ids; None is NULL.

    All values are of one type. Raises KeyError for a type that is not among these.
    """
    kind = next((type(value) for value in values if value is not None), str)
    if kind in _AS_IN_JSON:
        try:
            text = orjson.dumps(values if type(values) is list else [*values]).decode()
        except TypeError:
            pass  # Numbers of more than 64 bits, which a column of numeric may hold.
        else:
            if "\\" not in text:
                return f"{{{text[1:-1]}}}"
    texts = _WRITERS[kind](values)
    if None in values:
        texts = ["NULL" if value is None else text for value, text in zip(values, texts, strict=True)]
    return f"{{{','.join(texts)}}}"


def columns(rows: Iterable[Sequence[Any]]) -> list[str]:
    """The columns of rows, each as an array; at least one row."""
    return [array(column) for column in zip(*rows, strict=True)]


def _texts(values: Iterable[str | None]) -> list[str]:
    return ["" if value is None else _quoted(value) for value in values]


def _quoted(value: str) -> str:
    return f'"{value.translate(_ESCAPES)}"' if '"' in value or "\\" in value else f'"{value}"'


def _plain(values: Iterable[object]) -> list[str]:
    return list(map(str, values))


def _moments(values: Iterable[date | None]) -> list[str]:
    return ["" if value is None else f'"{value.isoformat()}"' for value in values]


def _ids(values: Iterable[UUID | None]) -> list[str]:
    return ["" if value is None else value.hex for value in values]


# Moments are not among them: JSON rounds offsets to minutes.
_AS_IN_JSON = frozenset({str, int, bool, UUID})
_WRITERS: Mapping[type, Callable[[Any], list[str]]] = {
    str: _texts,
    int: _plain,
    bool: _plain,
    datetime: _moments,
    date: _moments,
    UUID: _ids,
}
