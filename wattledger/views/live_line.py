"""A line at the foot of a terminal that is written anew again and again, with everything that is said above it."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.live import Live


class LiveLine:
    """The line while it is there."""

    def __init__(self, console: "Console", live: "Live") -> None:
        self._console, self._live = console, live

    def tell(self, text: str) -> None:
        """Put this in its place; what is too wide is cut."""
        from rich.text import Text

        self._live.update(Text(text, no_wrap=True, overflow="ellipsis"), refresh=True)

    def say(self, line: str) -> None:
        """Print a line of somebody else above it."""
        from rich.text import Text

        self._console.print(Text.from_ansi(line), soft_wrap=True)


@contextmanager
def live_line() -> Iterator[LiveLine | None]:
    """A line on standard error while the block runs; None where that is no terminal.

    What this process logs and prints on standard error goes above it meanwhile. What others print there has to come
    through `say`.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.live import Live

    console, root = Console(stderr=True), logging.getLogger()
    handlers = list(root.handlers)
    with Live(console=console, auto_refresh=False, redirect_stdout=False) as live:
        line = LiveLine(console, live)
        # Whoever else writes to the same terminal would write into the line.
        root.handlers[:] = [_Above(line, each) for each in handlers]
        try:
            yield line
        finally:
            root.handlers[:] = handlers


class _Above(logging.Handler):
    """Prints above the line what another handler would have written, in that one's form."""

    def __init__(self, line: LiveLine, instead_of: logging.Handler) -> None:
        super().__init__(instead_of.level)
        self._line = line
        self.setFormatter(instead_of.formatter)

    def emit(self, record: logging.LogRecord) -> None:
        """Print the record as a line, however long."""
        self._line.say(self.format(record))
