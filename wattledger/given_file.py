"""Files that people name: read whole, or refused in one line."""

from pathlib import Path

from wattledger.errors import ApplicationError


def read_given(path: str | Path) -> bytes:
    """What a file of JSON holds; raises ApplicationError when it cannot be read."""
    try:
        return Path(path).read_bytes()
    except (OSError, ValueError) as error:
        problem = getattr(error, "strerror", None) or str(error)
        raise ApplicationError(f"{path}: {problem.lower()}; name a file of JSON") from error
