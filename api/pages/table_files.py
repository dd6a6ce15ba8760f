"""The tables of a page as files: those whose rows are in no list of the API are made of the page itself.

A page's table is known by the name that its template has it by. `?table=NAME&format=csv` on the page's address gives
all its rows, as of the same moment and filter.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from io import BytesIO
from typing import Any, Final

from markupsafe import Markup
from starlette.responses import Response

from api.pages.table import Column, Table
from api.pages.view import View
from api.problems import bad_parameter
from api.tables import MEDIA_TYPES, Form, Kind, csv_chunks, rows_of
from api.tables import Column as FileColumn
from api.workbooks import write_workbook

TABLE_PARAMETERS: Final = frozenset({"table", "format"})
_KINDS: Final = {"number": Kind.NUMBER, "time": Kind.TIME, "date": Kind.DATE}
_MONEY: Final = frozenset({"amount", "money"})
_NOT_IN_NAME: Final = re.compile(r"[^A-Za-z0-9.=-]+")
_NAME_MAX: Final = 150
_CSV: Final = "CSV"


def with_files(view: View, context: Mapping[str, Any]) -> dict[str, Any]:
    """What a template is given, where each table that has rows and no list of the API has links to its files."""
    if view.moment is None:
        return dict(context)
    return {name: _linked(view, name, value) for name, value in context.items()}


def table_file(view: View, context: Mapping[str, Any]) -> Response | None:
    """The file of the table that the page's address names; None where it names none. Raises Problem 400."""
    wanted, form = view.query.get("table"), view.query.get("format")
    if wanted is None and form is None:
        return None
    if form not in set(Form):
        raise bad_parameter("format", f"is {' or '.join(Form)}")
    table = next((table for name, table in _tables(context) if name == wanted), None)
    if table is None:
        raise bad_parameter("table", "is none of this page: take the links below its tables")
    name = _NOT_IN_NAME.sub("-", f"{view.path.strip('/')}-{wanted}".replace("/", "-"))[:_NAME_MAX]
    headers = {"Content-Disposition": f'attachment; filename="{name}.{form}"', "Cache-Control": "no-store"}
    return Response(_content(view, table, Form(str(form))), 200, headers, MEDIA_TYPES[Form(str(form))])


def _linked(view: View, name: str, value: Any) -> Any:
    if isinstance(value, Table):
        if _CSV in value.exports or not value.rows:
            return value
        links = {label: view.here(table=name, format=form) for label, form in ((_CSV, "csv"), ("Excel", "xlsx"))}
        return replace(value, exports={**links, **value.exports})
    if isinstance(value, list | tuple) and next(_tables({name: value}), None) is not None:
        return [_linked(view, f"{name}.{number}", each) for number, each in enumerate(value)]
    return value


def _tables(context: Mapping[str, Any]) -> Iterator[tuple[str, Table]]:
    """All tables, those too that stand in lists: `runs.0`."""
    for name, value in context.items():
        if isinstance(value, Table):
            yield name, value
        elif isinstance(value, list | tuple):
            yield from _tables({f"{name}.{number}": each for number, each in enumerate(value)})


def _content(view: View, table: Table, form: Form) -> bytes:
    columns = [each for column in table.columns for each in _columns(column)]
    rows = rows_of(columns, ({name: _plain(value) for name, value in row.items()} for row in table.rows))
    if form is Form.CSV:
        return b"".join(csv_chunks(columns, rows))
    file = BytesIO()
    about = {name: value for name, value in view.query.items() if name not in TABLE_PARAMETERS}
    position = view.moment.position if view.moment else 0
    write_workbook(file, table.caption, columns, rows, lambda: {**about, "position": position})
    return file.getvalue()


def _columns(column: Column) -> Iterator[FileColumn]:
    """A column, and behind an amount its currency."""
    if column.kind in _MONEY:
        yield FileColumn(column.field, Kind.AMOUNT)
        yield FileColumn(f"{column.field}_currency", field=column.currency)
    else:
        yield FileColumn(column.field, _KINDS.get(column.kind, Kind.TEXT))


def _plain(value: Any) -> Any:
    """A value of a cell without its marks."""
    return value.striptags() if isinstance(value, Markup) else value
