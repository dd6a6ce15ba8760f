"""The rows of a table as HTML: by kind of column, as docs/pages.md says. Templates print them within `ui.table`."""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from markupsafe import Markup, escape

from api.pages.elements import element, joined
from api.pages.format import NOTHING, Reader
from api.pages.table import Column, Row, Table

Write: TypeAlias = Callable[[Reader, Column, Row, Any], Markup]
_SHORT: Final = 8


def badge(state: str | None) -> Markup:
    """A state, by its class in a colour too."""
    if state is None:
        return NOTHING
    return element('<span class="badge %s">%s</span>', state.lower().replace("_", "-"), state.replace("_", " "))


def identifier(value: str | None, href: str | None = None, short: bool = False) -> Markup:
    """An id, whole or by its first characters with the whole one as the title; a link where it has one."""
    if value is None:
        return NOTHING
    is_cut = short and len(value) > _SHORT
    title = element(' title="%s"', value) if is_cut else Markup("")
    shown = value[:_SHORT] if is_cut else value
    if href:
        return element('<a class="id" href="%s"%s>%s</a>', href, title, shown)
    return element('<code class="id"%s>%s</code>', title, shown)


def rows(table: Table, reader: Reader) -> Markup:
    """All rows of a table's body."""
    return joined([_row(table, row, reader) for row in table.rows])


def _row(table: Table, row: Row, reader: Reader) -> Markup:
    about = element(' data-kind="%s" data-id="%s"', table.kind, row[table.key]) if table.kind else ""
    first, *others = (_cell(reader, column, row) for column in table.columns)
    head, *columns = table.columns
    cells = [
        element('<td role="cell"%s data-head="%s">%s</td>\n', _right(column), _head(column), cell)
        for column, cell in zip(columns, others, strict=True)
    ]
    named = element('<th scope="row" role="rowheader"%s>%s</th>\n', _right(head), first)
    return element('<tr role="row"%s>\n%s%s</tr>\n', about, named, joined(cells))


def _right(column: Column) -> Markup:
    return Markup(' class="right"') if column.is_right else Markup("")


def _head(column: Column) -> str:
    return f"{column.head} {column.unit}" if column.unit else column.head


def _cell(reader: Reader, column: Column, row: Row) -> Markup:
    value = row[column.field]
    return NOTHING if value is None else _KINDS[column.kind](reader, column, row, value)


def _linked(shown: Markup, column: Column, row: Row, figure: bool = False) -> Markup:
    href = column.href(row) if column.href else None
    if not href:
        return shown
    return element('<a class="figure" href="%s">%s</a>' if figure else '<a href="%s">%s</a>', href, shown)


def _amount(with_currency: bool) -> Write:
    def write(reader: Reader, column: Column, row: Row, value: Any) -> Markup:
        shown = reader.amount(value, row[column.currency], column.field, with_currency)
        return _linked(shown, column, row, figure=True)

    return write


def _id(short: bool) -> Write:
    def write(_: Reader, column: Column, row: Row, value: Any) -> Markup:
        return identifier(str(value), column.href(row) if column.href else None, short)

    return write


_KINDS: Final[Mapping[str, Write]] = {
    "text": lambda reader, column, row, value: _linked(escape(value), column, row),
    "html": lambda reader, column, row, value: escape(value),
    "id": _id(short=False),
    "short": _id(short=True),
    "amount": _amount(with_currency=False),
    "money": _amount(with_currency=True),
    "number": lambda reader, column, row, value: _linked(
        reader.number(value, column.field), column, row, figure=True
    ),
    "time": lambda reader, column, row, value: _linked(reader.time(value, zone_shown=False), column, row),
    "date": lambda reader, column, row, value: _linked(reader.date(value), column, row),
    "badge": lambda reader, column, row, value: _linked(badge(value), column, row),
}
