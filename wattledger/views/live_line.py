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
    from rich.logging import RichHandler

    console = Console(stderr=True)
    # Another console on the same terminal would print into the line.
    printer = RichHandler(console=console, show_path=False, show_time=False)
    logging.basicConfig(level=logging.getLogger().level, format="%(message)s", handlers=[printer], force=True)
    with Live(console=console, auto_refresh=False, redirect_stdout=False) as live:
        yield LiveLine(console, live)
