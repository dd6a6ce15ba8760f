"""In which form a command prints what it found: a table for people, one JSON document, or CSV for a spreadsheet."""

import csv
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from typing import Any

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
# What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection).
_BEGINS_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_LINE_BREAK, _SEPARATOR = "\n", "; "


class Form(Enum):
    """How the rows of a command are printed."""

    TABLE = "a table: with lines around it on a terminal, elsewhere one row a line"
    JSON = "one JSON document"
    CSV = "CSV as RFC 4180 has it"


def cell_text(cell: Any) -> str:
    """What a cell says: nothing for None, members of a list one after another, signs of control in words.

    A terminal obeys signs of control, and ids and sentences are made of what strangers send.
    """
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, list | tuple):
        return _SEPARATOR.join(map(cell_text, cell))
    if isinstance(cell, Mapping):
        return " ".join(filter(None, map(cell_text, cell.values())))
    text = str(cell)
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each == _LINE_BREAK else _in_words(each) for each in text)


def _in_words(sign: str) -> str:
    return sign.encode("unicode_escape").decode("ascii")


def print_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A header and a record a row: lines end with CRLF, cells are quoted where they need it (RFC 4180).

    A cell that a spreadsheet would take for a formula and that is no number has an apostrophe before it.
    """
    writer = csv.writer(sys.stdout, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_csv_cell(cell) for cell in row] for row in rows)


def _csv_cell(cell: Any) -> str:
    text = cell if isinstance(cell, str) else cell_text(cell)
    is_formula = text.startswith(_BEGINS_FORMULA) and _NUMBER.fullmatch(text) is None
    return f"'{text}" if is_formula else text


def print_plain(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], right: Iterable[str] = (), *, header: bool = True
) -> None:
    """A header and a line a row, cells under each other with two blanks between, a hyphen where there is nothing."""
    texts = [[_on_one_line(cell_text(cell)) for cell in row] for row in rows]
    if header:
        texts.insert(0, list(columns))
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    numbers = frozenset(right)
    for line in texts:
        cells = [
            text.rjust(width) if name in numbers else text.ljust(width)
            for text, width, name in zip(line, widths, columns, strict=True)
        ]
        sys.stdout.write("  ".join(cells).rstrip() + "\n")


def _on_one_line(text: str) -> str:
    return _SEPARATOR.join(text.splitlines()) or "-"


def flattened(document: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a document, each with the way to it: names, and numbers from 1 on, with dots between."""
    if isinstance(document, Mapping):
        members: Iterable[tuple[Any, Any]] = document.items()
    elif isinstance(document, list | tuple):
        members = enumerate(document, 1)
    else:
        yield path, document
        return
    for name, value in members:
        yield from flattened(value, f"{path}.{name}" if path else str(name))
