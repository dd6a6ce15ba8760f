"""A service's folder under the data directory: its lock, its remembered ports, its address while it runs."""

import fcntl
import json
import os
from pathlib import Path
from typing import Any

_open_locks: set[int] = set()


class ServiceFolder:
    """The folder of one service, and whether this process is the one that runs it.

    The lock is the operating system's and ends with the process, so none is ever stale.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    def prepare(self) -> None:
        """Makes the folder; others may pass through it and not look into it."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o711)

    def lock(self) -> bool:
        """Takes the folder for this process; False when another one has it."""
        if self._lock is not None:
            return True
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._lock = descriptor
        _open_locks.add(descriptor)
        return True

    def unlock(self) -> None:
        """Lets another process take the folder."""
        if self._lock is not None:
            _open_locks.discard(self._lock)
            os.close(self._lock)
            self._lock = None

    def remember(self, name: str, value: dict[str, Any]) -> None:
        """Writes a small document as a whole or not at all, readable by its owner only."""
        target, written = self.path / name, self.path / f".{name}.new"
        written.unlink(missing_ok=True)
        descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(value, file)
        written.replace(target)

    def recall(self, name: str) -> dict[str, Any]:
        """Reads a document of `remember`; empty when there is none."""
        try:
            loaded = json.loads((self.path / name).read_text("utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return loaded if isinstance(loaded, dict) else {}

    def forget(self, name: str) -> None:
        """Removes a document of `remember`, if there is one."""
        (self.path / name).unlink(missing_ok=True)


def _close_locks() -> None:
    """A forked copy of this process must not hold a lock on behalf of a parent that has died."""
    for descriptor in _open_locks:
        os.close(descriptor)
    _open_locks.clear()


os.register_at_fork(after_in_child=_close_locks)
