"""Is there room for the embedded servers to go on; a fault that comes of none is told at once, with what to do."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.errors import NeedsHelp
from ledger.patience import REASONS

# PostgreSQL makes files of 16 MiB for its log, and does not go on where there is no room for the next one.
_LEFT_BYTES_MIN = 20 * 1024 * 1024


def refuse_without_room(folder: Path) -> None:
    """Nothing where a folder can be written to; raises NeedsHelp for a full disk, and for one that is read only."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return
    left = found.f_bavail * found.f_frsize
    if found.f_flag & os.ST_RDONLY:
        raise NeedsHelp(
            f"the file system of {folder} is read only, so that nothing can be kept: mount it to be written to, and "
            "run the command again; nothing was lost"
        )
    if left < _LEFT_BYTES_MIN:
        raise NeedsHelp(
            f"the disk of {folder} is full ({left // 1024} KiB are left): free some room there, or enlarge it, "
            "and run the command again; nothing was lost"
        )


@contextmanager
def room_in(folder: Path) -> Iterator[None]:
    """While the block runs, whoever waits for a server is told when it lacks room."""

    def look() -> None:
        refuse_without_room(folder)

    REASONS.append(look)
    try:
        yield
    finally:
        REASONS.remove(look)
