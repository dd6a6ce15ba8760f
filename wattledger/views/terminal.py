"""What is said beside tables: one JSON document on standard output; logs and errors on standard error."""

import json
import logging
import sys
from functools import cached_property
from typing import Any

from wattledger.quiet import silence_libraries


def set_up_logging(level: str) -> None:
    """Logs go to standard error; the libraries below speak up only when something is wrong."""
    logging.basicConfig(level=level, format="%(message)s", handlers=[_Log()], force=True)
    silence_libraries()


class _Log(logging.Handler):
    """Logs as Rich prints them on a terminal, elsewhere one line each; loaded with the first, as most never come."""

    @cached_property
    def _printer(self) -> logging.Handler:
        if not sys.stderr.isatty():
            plain = logging.StreamHandler()
            plain.setFormatter(logging.Formatter("%(levelname)-8s %(message)s"))
            return plain
        from rich.console import Console
        from rich.logging import RichHandler

        printer = RichHandler(console=Console(stderr=True), show_path=False, show_time=False)
        printer.setFormatter(self.formatter)
        return printer

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record."""
        self._printer.emit(record)


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")


def print_error(sentence: str) -> None:
    """One line that says what, where and what to do."""
    line = " ".join(str(sentence).split())
    sys.stderr.write(f"wattledger: {line}\n")
