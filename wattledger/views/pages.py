"""Parts of a page, such as the story of a session: tables with a bold title, printed one below the other."""

from collections.abc import Iterable

from rich.console import Console, RenderableType
from rich.table import Table

from wattledger.views.tables import output


def titled_table(title: str, *columns: str, right: Iterable[str] = ()) -> Table:
    """An empty table; the columns named in `right` are numbers, which are never folded."""
    table = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    numbers = set(right)
    for column in columns:
        name = column.replace("_", " ")
        if column in numbers:
            table.add_column(name, justify="right", no_wrap=True)
        else:
            table.add_column(name, overflow="fold")
    return table


def print_parts(parts: Iterable[RenderableType], console: Console | None = None) -> None:
    """Print parts with a line between them; on standard output where no console is given."""
    console = console or output()
    for part in parts:
        console.print(part)
        console.print()
