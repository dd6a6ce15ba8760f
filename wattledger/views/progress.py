"""Progress of long work: a bar on a terminal, nothing where nobody looks."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

# Stage, what is done so far, and of how much where that is known.
ProgressReport: TypeAlias = Callable[[str, int, int | None], None]


@contextmanager
def progress_report() -> Iterator[ProgressReport]:
    """A report that draws on standard error while the block runs, if that is a terminal."""
    if not sys.stderr.isatty():
        yield _nothing
        return
    with _bars() as progress:
        yield _Drawn(progress)


def _nothing(_stage: str, _done: int, _total: int | None) -> None:
    """Draw nothing."""


def _bars() -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    description = TextColumn("{task.description}")
    columns = (SpinnerColumn(), description, BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)


class _Drawn:
    """One bar a stage."""

    def __init__(self, progress: "Progress") -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        if stage not in self._tasks:
            self._tasks[stage] = self._progress.add_task(stage, total=total)
        self._progress.update(self._tasks[stage], completed=done, total=total)
