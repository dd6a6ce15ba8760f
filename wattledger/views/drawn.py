"""Tables as Rich draws them on a terminal, so that no id and no amount is ever folded or cut."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Column, Table
from rich.text import Text

from wattledger.views.tables import output

# A column costs its padding and a line, the table one line more.
_PER_COLUMN, _PER_TABLE = 3, 1


def draw(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str], prose: Sequence[str]
) -> None:
    """Print a table on the terminal; columns in `right` are numbers, those in `prose` are folded between words."""
    table = Table(title=Text(title, justify="left"), header_style="bold")
    for name in columns:
        table.add_column(Text(name), justify="right" if name in right else "left", no_wrap=name not in prose)
    for row in rows:
        table.add_row(*map(Text, row))
    show(table, output())


def show(table: Table, console: Console) -> None:
    """Print a table with columns as wide as the console lets them be, or a block a row where it is too narrow.

    Columns that may be folded share what the others leave, and get at least their longest word.
    """
    natural = [_width(column, words=False) for column in table.columns]
    least = [
        each if column.no_wrap else min(each, _width(column, words=True))
        for each, column in zip(natural, table.columns, strict=True)
    ]
    spare = console.width - _PER_COLUMN * len(natural) - _PER_TABLE - sum(least)
    if spare < 0:
        console.print(_blocks(table), soft_wrap=True)
        return
    wanting = [wish - width for wish, width in zip(natural, least, strict=True)]
    for column, width, want in zip(table.columns, least, _shares(wanting, spare), strict=True):
        column.width = width + want
    console.print(table)


def _shares(wanting: Sequence[int], spare: int) -> list[int]:
    """What each gets of what is to spare: all where it is enough, else equal parts, and no more than it wants."""
    given = [0] * len(wanting)
    while spare > 0 and (hungry := [place for place, want in enumerate(wanting) if given[place] < want]):
        part = max(1, spare // len(hungry))
        for place in hungry[:spare]:
            share = min(part, wanting[place] - given[place])
            given[place] += share
            spare -= share
    return given


def _width(column: Column, *, words: bool) -> int:
    """The longest line of a column, or its longest word; a heading is folded nowhere."""
    texts = [_text(cell) for cell in column.cells]
    pieces = (piece for text in texts for piece in (text.split() if words else text.splitlines()))
    return max(map(cell_len, (_text(column.header), *pieces)), default=0)


def _text(cell: RenderableType) -> str:
    return cell.plain if isinstance(cell, Text) else str(cell)


def _blocks(table: Table) -> Text:
    """Each row as lines of a name and a value, however long: nobody but the terminal breaks them."""
    names = [_text(column.header) for column in table.columns]
    margin = max(map(len, names), default=0)
    cells = zip(*([_text(cell) for cell in column.cells] for column in table.columns), strict=True)
    blocks = [
        "\n".join(f"{name.ljust(margin)}  {value}".rstrip() for name, value in zip(names, row, strict=True))
        for row in cells
    ]
    title = f"{_text(table.title)}\n" if table.title else ""
    return Text(title + "\n\n".join(blocks))
