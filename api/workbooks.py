"""Tables as Excel workbooks, made row by row: the table on the first sheet, what it was asked for on the second.

The first sheet is the table and nothing else, its header in the first row, so that programs read it as it is. Amounts
are numbers with their currency's decimals, moments are real dates in UTC that say so in each cell, ids are text.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import IO, Any, TypeAlias

from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from api.tables import Cells, Column, Kind, plain_text, safe_text
from domain.calendar import instant
from domain.money import currency_exponent

# Excel's own limits: rows of a sheet below its header, and characters of a cell as UTF-16 counts them.
ROWS_MAX = 1_048_575
TEXT_MAX = 32_767
# A double holds so many digits of a decimal for certain; an amount of more stays text, so that none is changed.
_DIGITS_MAX = 15
_WIDTH_MIN, _WIDTH_MAX, _WIDTH_MARGIN = 10, 60, 2
_SHEET_NAME_MAX = 31
_NO_SHEET_NAME = re.compile(r"[\[\]:*?/\\']")
_DECIMAL = re.compile(r"[+-]?\d+(\.\d+)?")

_TIME_FORMAT = 'yyyy-mm-dd"T"hh:mm:ss"Z"'
_OPTIONS = {
    "constant_memory": True,
    "default_date_format": _TIME_FORMAT,
    "strings_to_formulas": False,
    "strings_to_numbers": False,
    "strings_to_urls": False,
}

# Writes a cell at (row, column); amounts are given their currency, or nothing where it is not known.
_Write: TypeAlias = Callable[[int, int, Any, str], object]


class TooManyRows(Exception):
    """A table has more rows than a sheet of Excel can hold."""


def write_workbook(
    file: IO[bytes],
    title: str,
    columns: Sequence[Column],
    rows: Iterable[Cells],
    about: Callable[[], Mapping[str, Any]],
) -> int:
    """Write a workbook to a file; how many rows it has. Memory stays flat: rows go through temporary files.

    `about`, asked when the rows are through, is what the second sheet says of them, such as their filter. A column
    `currency` tells the decimals of the row's amounts. Raises TooManyRows beyond ROWS_MAX.
    """
    with Workbook(file, _OPTIONS) as workbook:
        # The same rows make the same file.
        workbook.set_properties({"title": title, "created": datetime(2000, 1, 1)})  # noqa: DTZ001 (a form of Excel's)
        count = _table(workbook, title, columns, rows)
        sheet = workbook.add_worksheet("About")
        sheet.set_column(0, 0, 20)
        sheet.set_column(1, 1, 60)
        for number, (name, value) in enumerate({**about(), "rows": count}.items()):
            sheet.write_string(number, 0, name, _bold(workbook))
            sheet.write_string(number, 1, cell_of(value))
    return count


def cell_of(value: Any) -> str:
    """The text of a cell as a sheet can hold it: without carriage returns, and cut with a mark that says so."""
    text = safe_text(value).replace("\r\n", "\n").replace("\r", "\n")
    # Below half of it no text can be too long, whatever its signs are.
    return _cut(text) if len(text) > TEXT_MAX // 2 else text


def _cut(text: str) -> str:
    units = text.encode("utf-16-le")
    if len(units) <= 2 * TEXT_MAX:
        return text
    mark = f"… [cut: {len(text)} characters in all, which CSV and JSON have]"
    return units[: 2 * (TEXT_MAX - len(mark))].decode("utf-16-le", "ignore") + mark


def _table(workbook: Workbook, title: str, columns: Sequence[Column], rows: Iterable[Cells]) -> int:
    sheet = workbook.add_worksheet(_NO_SHEET_NAME.sub(" ", title)[:_SHEET_NAME_MAX])
    sheet.freeze_panes(1, 0)
    header = _bold(workbook)
    for place, column in enumerate(columns):
        sheet.set_column(place, place, _width(column))
        sheet.write_string(0, place, cell_of(column.name), header)
    writers = _writers(workbook, sheet)
    ways = [writers[column.kind] for column in columns]
    currencies = [_currency_place(columns, column) for column in columns]
    count = 0
    for count, row in enumerate(rows, 1):
        if count > ROWS_MAX:
            raise TooManyRows
        for place, (write, cell) in enumerate(zip(ways, row, strict=True)):
            if cell is not None and cell != "":
                where = currencies[place]
                write(count, place, cell, "" if where is None else row[where] or "")
    sheet.autofilter(0, 0, count, len(columns) - 1)
    return count


def _bold(workbook: Workbook) -> Format:
    return workbook.add_format({"bold": True, "bottom": 1})


def _width(column: Column) -> int:
    usual = {Kind.TIME: 22, Kind.DATE: 12, Kind.AMOUNT: 14, Kind.NUMBER: 10, Kind.TEXT: 20}[column.kind]
    if column.name.endswith("_id"):
        usual = 38
    return min(_WIDTH_MAX, max(_WIDTH_MIN, usual, len(column.name) + _WIDTH_MARGIN))


def _currency_place(columns: Sequence[Column], column: Column) -> int | None:
    """Where the currency of a column of amounts stands: in one named for it, else in `currency`."""
    if column.kind is not Kind.AMOUNT:
        return None
    names = [each.name for each in columns]
    found = [name for name in (f"{column.name}_currency", "currency") if name in names]
    return names.index(found[0]) if found else None


def _writers(workbook: Workbook, sheet: Worksheet) -> Mapping[Kind, _Write]:
    """How a cell of each kind is written; what no number of Excel can state is written as text."""
    forms = _Formats(workbook)

    def text(row: int, place: int, value: Any, _currency: str) -> None:
        sheet.write_string(row, place, cell_of(value))

    def number(row: int, place: int, value: Any, currency: str, form: Format | None = None) -> None:
        digits = plain_text(value)
        if _DECIMAL.fullmatch(digits) and _significant(digits) <= _DIGITS_MAX:
            sheet.write_number(row, place, float(digits), form)
        else:
            text(row, place, value, currency)

    def amount(row: int, place: int, value: Any, currency: str) -> None:
        decimals = currency_exponent(currency) if currency else len(plain_text(value).partition(".")[2])
        number(row, place, value, currency, forms.amount(decimals))

    def moment(row: int, place: int, value: Any, _currency: str) -> None:
        at = value if isinstance(value, datetime) else instant(value)
        sheet.write_datetime(row, place, at.astimezone(UTC).replace(tzinfo=None), forms.time)

    def day(row: int, place: int, value: Any, _currency: str) -> None:
        sheet.write_datetime(row, place, value if isinstance(value, date) else date.fromisoformat(value), forms.date)

    return {Kind.TEXT: text, Kind.AMOUNT: amount, Kind.NUMBER: number, Kind.TIME: moment, Kind.DATE: day}


class _Formats:
    """The number formats of a workbook."""

    def __init__(self, workbook: Workbook) -> None:
        self.time = workbook.add_format({"num_format": _TIME_FORMAT})
        self.date = workbook.add_format({"num_format": "yyyy-mm-dd"})
        self._workbook, self._amounts = workbook, dict[int, Format]()

    def amount(self, decimals: int) -> Format:
        """The format of amounts with so many decimals."""
        if decimals not in self._amounts:
            form = "#,##0" + ("." + "0" * decimals if decimals else "")
            self._amounts[decimals] = self._workbook.add_format({"num_format": form})
        return self._amounts[decimals]


def _significant(digits: str) -> int:
    return len(digits.lstrip("+-").replace(".", "").lstrip("0"))
