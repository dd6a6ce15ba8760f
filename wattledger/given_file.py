"""Files that people name: read whole, or refused in one line."""

import sys
from pathlib import Path

from wattledger.errors import ApplicationError


def read_given(path: str | Path, holding: str = "JSON") -> bytes:
    """What a file of something holds; raises ApplicationError when it cannot be read."""
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or str(error)
        raise ApplicationError(f"{path}: {problem.lower()}; name a file of {holding}") from error


def given_or_input(path: str | Path, holding: str = "JSON") -> bytes:
    """The same, or for - what standard input holds."""
    return sys.stdin.buffer.read() if str(path) == "-" else read_given(path, holding)
