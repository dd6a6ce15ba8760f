"""Tables as all views print them: drawn on a terminal, one row a line elsewhere; Rich is loaded for a terminal only.

What is copied from a table, ids and amounts above all, stays on one line and whole: only columns of sentences are
folded, between words. Where a terminal is too narrow even so, each row is printed as a block of its own.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from wattledger.logs import say
from wattledger.views.forms import Form, cell_text, print_csv, print_plain
from wattledger.views.terminal import print_json

if TYPE_CHECKING:
    from rich.console import Console

# Where nobody's terminal says how wide it is, pages get this many columns.
_PLAIN_WIDTH = 150


def output() -> "Console":
    """The console on standard output; wide enough for pages when it is no terminal."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH)


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    right: Sequence[str] = (),
    prose: Sequence[str] = (),
) -> None:
    """A table for people under its title; columns in `right` are numbers, those in `prose` may be folded."""
    if not sys.stdout.isatty():
        sys.stdout.write(f"{title}\n")
        print_plain(columns, rows, right)
        return
    from wattledger.views.drawn import draw

    draw(title, columns, [[cell_text(cell) for cell in row] for row in rows], right, prose)


def print_list(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    right: Sequence[str] = (),
    prose: Sequence[str] = (),
) -> None:
    """A list for people: a table on a terminal; elsewhere a header and one object a line, without a title."""
    if sys.stdout.isatty():
        if rows:
            print_table(title, columns, rows, right, prose)
        else:
            sys.stdout.write(f"{title}: none\n")
        return
    print_plain(columns, rows, right)
    if not rows:
        say(f"{title}: none")


def show_rows(
    title: str,
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    right: Sequence[str] = (),
    *,
    form: Form,
    prose: Sequence[str] = (),
    shown: Sequence[Mapping[str, Any]] | None = None,
) -> None:
    """Rows in the form asked for; `columns` names what a table has of them, and their order.

    JSON and CSV have the rows as they are. A table has the rows `shown`, where they differ: cut, or with their sums.
    """
    if form is Form.JSON:
        print_json(rows)
    elif form is Form.CSV:
        names = list(rows[0]) if rows else list(columns)
        print_csv(names, ([row.get(name) for name in names] for row in rows))
    else:
        cells = [[row.get(name) for name in columns] for row in (rows if shown is None else shown)]
        print_list(title, columns, cells, right, prose)
