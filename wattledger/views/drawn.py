"""Tables as Rich draws them on a terminal, so that no id and no amount is ever folded or cut."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.table import Column, Table
from rich.text import Text

from wattledger.views.tables import output

# What a column costs beside its text: its padding and a line; the lines of a table are one more than its columns.
_PADDING, _LINE = 2, 1


def draw(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str], prose: Sequence[str]
) -> None:
    """Print a table on the terminal; columns in `right` are numbers, those in `prose` are folded between words."""
    table = Table(title=Text(title, justify="left"), header_style="bold")
    for name in columns:
        table.add_column(
            Text(name.replace("_", " ")), justify="right" if name in right else "left", no_wrap=name not in prose
        )
    for row in rows:
        table.add_row(*map(Text, row))
    show(table, output())


def show(table: Table, console: Console) -> None:
    """Print a table as wide as the console lets it be: with headings folded, without lines, else a block a row."""
    if table.title is not None:
        console.print(table.title, soft_wrap=True)
        table.title = None
    for make_narrower in (_leave, _fold_headings, _take_lines_away):
        make_narrower(table)
        if _fits(table, console.width):
            console.print(table)
            return
    console.print(_blocks(table), soft_wrap=True)


def _leave(_table: Table) -> None:
    """Nothing is narrower yet."""


def _fold_headings(table: Table) -> None:
    for column in table.columns:
        column.header = Text("\n".join(_text(column.header).split()))


def _take_lines_away(table: Table) -> None:
    table.box = None


def _fits(table: Table, columns: int) -> bool:
    """Whether a table of so many columns of text is wide enough for it; its columns are then as wide as they can be.

    Columns that may be folded share what the others leave, and get at least their longest word.
    """
    natural = [_width(column, words=False) for column in table.columns]
    least = [
        each if column.no_wrap else min(each, _width(column, words=True))
        for each, column in zip(natural, table.columns, strict=True)
    ]
    lines = 0 if table.box is None else _LINE * (len(natural) + 1)
    spare = columns - _PADDING * len(natural) - lines - sum(least)
    if spare < 0:
        return False
    wanting = [wish - width for wish, width in zip(natural, least, strict=True)]
    for column, width, want in zip(table.columns, least, _shares(wanting, spare), strict=True):
        column.width = width + want
    return True


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
    """The longest line of a column, or its longest word; a heading has the lines that it has."""
    texts = [_text(cell) for cell in column.cells]
    pieces = (piece for text in texts for piece in (text.split() if words else text.splitlines()))
    return max(map(cell_len, (*_text(column.header).splitlines(), *pieces)), default=0)


def _text(cell: RenderableType) -> str:
    return cell.plain if isinstance(cell, Text) else str(cell)


def _blocks(table: Table) -> Text:
    """Each row as lines of a name and a value, however long: nobody but the terminal breaks them."""
    names = [" ".join(_text(column.header).split()) for column in table.columns]
    margin = max(map(len, names), default=0)
    cells = zip(*([_text(cell) for cell in column.cells] for column in table.columns), strict=True)
    return Text(
        "\n\n".join(
            "\n".join(f"{name.ljust(margin)}  {value}".rstrip() for name, value in zip(names, row, strict=True))
            for row in cells
        )
    )
