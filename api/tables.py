"""Tables that leave as files: typed columns, what a cell says in every form, and CSV as it is streamed.

What a list or the table of a page shows in parts is in a file as a whole. Rows come as documents, the ones that JSON
shows; columns say which field of them a cell is, and of what kind.
"""

import csv
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum, StrEnum
from io import StringIO
from itertools import islice
from typing import Any, TypeAlias

from domain.calendar import utc_text

Document: TypeAlias = Mapping[str, Any]
Cells: TypeAlias = Sequence[Any]


class Form(StrEnum):
    """The forms of a file."""

    CSV = "csv"
    XLSX = "xlsx"


MEDIA_TYPES: Mapping[Form, str] = {
    Form.CSV: "text/csv; charset=utf-8; header=present",
    Form.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_LINES_PER_CHUNK = 1_000

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
# What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection), wide forms and line feeds included.
_BEGINS_FORMULA = frozenset("=+-@\t\r\n＝＋－＠")
# What no XML document, and so no workbook, may hold (XML 1.0, Char), and half characters, which UTF-8 has none for.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_SEPARATOR = "; "


class Kind(Enum):
    """What the cells of a column are."""

    TEXT = "an identifier or words: never read as a number"
    AMOUNT = "money in major units, a decimal text with its currency's decimals"
    NUMBER = "a count or a quantity"
    TIME = "a moment, in UTC"
    DATE = "a calendar day"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name in the header, its kind, and the field of a document that it shows.

    `field` is the column's name unless it is given; dots lead into objects (`amount.currency`).
    """

    name: str
    kind: Kind = Kind.TEXT
    field: str = ""

    def reader(self) -> Callable[[Document], Any]:
        """What the cell is of a document; None where the document lacks it."""
        path = (self.field or self.name).split(".")
        if len(path) == 1:
            (only,) = path
            return lambda document: document.get(only)
        return lambda document: _at(document, path)


def _at(document: Any, path: Sequence[str]) -> Any:
    for name in path:
        if not isinstance(document, Mapping):
            return None
        document = document.get(name)
    return document


def texts(*names: str) -> tuple[Column, ...]:
    """Columns of text."""
    return tuple(Column(name) for name in names)


def amounts(*names: str) -> tuple[Column, ...]:
    """Columns of decimal texts."""
    return tuple(Column(name, Kind.AMOUNT) for name in names)


def numbers(*names: str) -> tuple[Column, ...]:
    """Columns of counts and quantities."""
    return tuple(Column(name, Kind.NUMBER) for name in names)


def times(*names: str) -> tuple[Column, ...]:
    """Columns of moments."""
    return tuple(Column(name, Kind.TIME) for name in names)


def dates(*names: str) -> tuple[Column, ...]:
    """Columns of calendar days."""
    return tuple(Column(name, Kind.DATE) for name in names)


def money(name: str) -> tuple[Column, Column]:
    """The two columns of a field that is an object of `amount` and `currency`."""
    currency = "currency" if name == "amount" else f"{name}_currency"
    return Column(name, Kind.AMOUNT, f"{name}.amount"), Column(currency, field=f"{name}.currency")


def rows_of(columns: Sequence[Column], documents: Iterable[Document]) -> Iterator[list[Any]]:
    """The cells of documents, in the order of the columns."""
    names = [column.field or column.name for column in columns]
    if any("." in name for name in names):
        readers = [column.reader() for column in columns]
        return ([read(document) for read in readers] for document in documents)
    return ([document.get(name) for name in names] for document in documents)


def plain_text(value: Any) -> str:
    """A value in one text: nothing for None, members of a list one after another, signs of control in words."""
    if value is None:
        return ""
    if isinstance(value, str):
        return _UNPRINTABLE.sub(_in_words, value) if _UNPRINTABLE.search(value) else value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return _SEPARATOR.join(map(plain_text, value))
    if isinstance(value, Mapping):
        return " ".join(filter(None, map(plain_text, value.values())))
    return utc_text(value) if isinstance(value, datetime) else plain_text(str(value))


def _in_words(found: re.Match[str]) -> str:
    return found.group().encode("unicode_escape").decode("ascii")


def safe_text(value: Any) -> str:
    """The text of a cell; with an apostrophe before what a spreadsheet would take for a formula and is no number."""
    if value is None:
        return ""
    # Asked first since most are texts in which there is nothing to mend.
    text = value if type(value) is str and value.isprintable() else plain_text(value)
    if text and text[0] in _BEGINS_FORMULA and _NUMBER.fullmatch(text) is None:
        return f"'{text}"
    return text


def list_bytes(columns: Sequence[str], rows: Iterable[Document]) -> bytes:
    """A short list as CSV (RFC 4180) with a header; what a spreadsheet would take for a formula is made safe."""
    text = StringIO()
    written = csv.writer(text, lineterminator="\r\n")
    written.writerow(columns)
    written.writerows([safe_text(row[column]) for column in columns] for row in rows)
    return text.getvalue().encode()


def _plain_date(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) and not isinstance(value, datetime) else safe_text(value)


# How a cell is written in CSV: amounts and numbers are texts that begin as numbers do, and looked at all the same.
_IN_CSV: Mapping[Kind, Callable[[Any], str]] = dict.fromkeys(Kind, safe_text) | {Kind.DATE: _plain_date}


def csv_chunks(columns: Sequence[Column], rows: Iterable[Cells]) -> Generator[bytes, None, None]:
    """CSV by RFC 4180 in UTF-8: a header, lines that end with CRLF, cells in quotes where they need it.

    Chunks of a thousand lines, the header in the first of them, each made when it is asked for: memory stays flat
    however many rows there are.
    """
    buffer = StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\r\n")
    forms = [_IN_CSV[column.kind] for column in columns]
    writer.writerow([safe_text(column.name) for column in columns])
    cells = ([form(cell) for form, cell in zip(forms, row, strict=True)] for row in rows)
    while True:
        writer.writerows(islice(cells, _LINES_PER_CHUNK))
        if not (written := buffer.getvalue()):
            return
        yield written.encode()
        buffer.seek(0)
        buffer.truncate()
