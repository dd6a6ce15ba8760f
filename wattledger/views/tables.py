"""Tables as all views print them; Rich is loaded when one is printed."""

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from wattledger.views.terminal import print_json

if TYPE_CHECKING:
    from rich.console import Console

# Where nobody's terminal says how wide it is, tables get this many columns.
_PLAIN_WIDTH = 150


def output() -> "Console":
    """The console on standard output; wide enough for tables when it is no terminal."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH)


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    right: Sequence[str] = (),
    whole: Sequence[str] = (),
) -> None:
    """A table for people; the columns named in `right` are numbers, those in `whole` are never folded."""
    from rich.table import Table

    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(
            column, justify="right" if column in right else "left", overflow="fold", no_wrap=column in whole
        )
    for row in rows:
        table.add_row(*["" if cell is None else str(cell) for cell in row])
    output().print(table)


def show_rows(
    title: str, rows: Sequence[dict[str, Any]], right: Sequence[str], *, json: bool, whole: Sequence[str] = ()
) -> None:
    """Rows as JSON or as a table; columns in `right` are numbers, those in `whole` are never folded."""
    if json:
        print_json(rows)
    elif not rows:
        sys.stdout.write(f"{title}: none\n")
    else:
        print_table(title, list(rows[0]), [list(row.values()) for row in rows], right, whole)
