"""Parts of a page, such as the story of a session: tables and sentences, printed one below the other."""

import sys
from collections.abc import Iterable

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from wattledger.views.drawn import show
from wattledger.views.forms import cell_text, print_plain
from wattledger.views.tables import output


def titled_table(title: str, *columns: str, right: Iterable[str] = (), prose: Iterable[str] = ()) -> Table:
    """An empty table; columns in `right` are numbers, and only those in `prose` may be folded, between words."""
    table = Table(title=Text(title, style="bold", justify="left"), header_style="bold")
    numbers, sentences = set(right), set(prose)
    for column in columns:
        name = column.replace("_", " ")
        justify = "right" if column in numbers else "left"
        table.add_column(Text(name), justify=justify, no_wrap=column not in sentences)  # type: ignore[arg-type]
    return table


def cells(*texts: str) -> tuple[Text, ...]:
    """Cells as they are: what stands in brackets is no markup, and signs of control are told in words."""
    return tuple(Text(cell_text(text)) for text in texts)


def print_parts(parts: Iterable[RenderableType], console: Console | None = None) -> None:
    """Print parts with a line between them: drawn on a console or a terminal, one row a line elsewhere."""
    if console is None and not sys.stdout.isatty():
        for part in parts:
            _print_plainly(part)
            sys.stdout.write("\n")
        return
    console = console or output()
    for part in parts:
        _print_drawn(part, console)
        console.print()


def _print_drawn(part: RenderableType, console: Console) -> None:
    if isinstance(part, Group):
        for each in part.renderables:
            _print_drawn(each, console)
    elif isinstance(part, Table):
        show(part, console)
    else:
        console.print(part, soft_wrap=True)


def _print_plainly(part: RenderableType) -> None:
    if isinstance(part, Group):
        for each in part.renderables:
            _print_plainly(each)
    elif isinstance(part, Table):
        names = [str(column.header) for column in part.columns]
        right = [name for name, column in zip(names, part.columns, strict=True) if column.justify == "right"]
        sys.stdout.write(f"{part.title}\n")
        rows = zip(*(column.cells for column in part.columns), strict=True)
        print_plain(names, rows, right, header=part.show_header)
        if part.caption:
            sys.stdout.write(f"{part.caption}\n")
    else:
        sys.stdout.write(f"{part}\n")
