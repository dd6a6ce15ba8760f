"""A line at the foot of a terminal that is written anew again and again, with everything that is said above it."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from io import TextIOBase
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
        """Print a line of somebody else above it, as it is and never wrapped."""
        from rich.text import Text

        self._console.print(Text.from_ansi(line), soft_wrap=True)


class _Above(TextIOBase):
    """Takes the place of standard error: each line that is whole goes above the live line."""

    def __init__(self, line: LiveLine) -> None:
        self._line, self._rest = line, ""

    def write(self, text: str) -> int:
        """Print the lines that this completes, and keep what begins the next one."""
        *whole, self._rest = (self._rest + text).split("\n")
        for each in whole:
            self._line.say(each)
        return len(text)

    def isatty(self) -> bool:
        """What is printed here appears on the terminal."""
        return True


@contextmanager
def live_line() -> Iterator[LiveLine | None]:
    """A line on standard error while the block runs; None where that is no terminal.

    What this process logs and prints on standard error goes above it meanwhile, in its own form. What
    others print there has to come through `say`.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.live import Live

    # It writes to the terminal itself, whatever takes the place of standard error below.
    console = Console(file=sys.stderr)
    with Live(console=console, auto_refresh=False, redirect_stdout=False, redirect_stderr=False) as live:
        line = LiveLine(console, live)
        above = _Above(line)
        with redirect_stderr(above), _logged_to(above):
            yield line


@contextmanager
def _logged_to(stream: _Above) -> Iterator[None]:
    """Logs in their own form, to another stream while the block runs."""
    handlers = [each for each in logging.getLogger().handlers if isinstance(each, logging.StreamHandler)]
    before = [each.setStream(stream) for each in handlers]
    try:
        yield
    finally:
        for handler, stream_before in zip(handlers, before, strict=True):
            if stream_before is not None:
                handler.setStream(stream_before)
