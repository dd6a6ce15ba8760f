"""What people and programs see: progress and logs on standard error, tables or one JSON document on the output."""

import json
import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.logging import RichHandler
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from wattledger.quiet import silence_libraries

# Where nobody's terminal says how wide it is, tables get this many columns.
_PLAIN_WIDTH = 120


def output() -> Console:
    """The console on standard output; wide enough for tables when it is no terminal."""
    return Console(width=None if sys.stdout.isatty() else _PLAIN_WIDTH)


def set_up_logging(level: str) -> None:
    """Logs go to standard error; the libraries below speak up only when something is wrong."""
    handler = RichHandler(console=Console(stderr=True), show_path=False, show_time=False)
    logging.basicConfig(level=level, format="%(message)s", handlers=[handler], force=True)
    silence_libraries()


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    right: Sequence[str] = (),
    whole: Sequence[str] = (),
) -> None:
    """A table for people; the columns named in `right` are numbers, those in `whole` are never folded."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for column in columns:
        table.add_column(
            column, justify="right" if column in right else "left", overflow="fold", no_wrap=column in whole
        )
    for row in rows:
        table.add_row(*["" if cell is None else str(cell) for cell in row])
    output().print(table)


def print_error(sentence: str) -> None:
    """One line that says what, where and what to do."""
    line = " ".join(str(sentence).split())
    sys.stderr.write(f"wattledger: {line}\n")


class ProgressReport:
    """Progress of long work: a bar on a terminal, nothing where nobody looks."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._tasks: dict[str, Any] = {}

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        if self._progress is None:
            return
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=total)
        self._progress.update(self._tasks[stage], completed=done, total=total)


@contextmanager
def progress_report() -> Iterator[ProgressReport]:
    """A report that draws on standard error while the block runs, if that is a terminal."""
    if not sys.stderr.isatty():
        yield ProgressReport(None)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield ProgressReport(progress)
