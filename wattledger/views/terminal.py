"""What is said beside tables: one JSON document on standard output; logs and errors on standard error."""

import json
import logging
import sys
from typing import Any

from wattledger.logs import say


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")


def print_error(sentence: str, error: BaseException | None = None) -> None:
    """One line that says what, where and what to do; `error` is what it tells of, for logs in JSON."""
    say(" ".join(str(sentence).split()), level=logging.ERROR, error=error, prefix="wattledger: ")
