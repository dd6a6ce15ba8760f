"""A service's folder under the data directory: its lock, its remembered ports, its address while it runs."""

import fcntl
import json
import os
import shutil
from pathlib import Path
from typing import Any

from wattledger.embedded.account import Account
from wattledger.errors import ServiceError

_open_locks: set[int] = set()


def others(folder: Path) -> ServiceError:
    """What is said of a folder that another user closed."""
    return ServiceError(f"{folder} is another user's: run the command as that user, or choose another --data-dir")


def make_private(path: Path, account: Account | None) -> None:
    """Makes a folder, and those above it that are missing, closed to all but us and an account that passes."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=0o700, exist_ok=True)
        _close(folder, account)


def _close(folder: Path, account: Account | None) -> None:
    if account is None:
        folder.chmod(0o700)
    else:
        os.chown(folder, -1, account.gid)
        folder.chmod(0o710)


class ServiceFolder:
    """The folder of one service, and whether this process is the one that runs it.

    The lock is the operating system's and ends with the process, so none is ever stale. Nobody else looks into the
    folder. Where the service has an account of its own, that may pass through it, and owns in it what `own` makes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.account: Account | None = None
        self._lock: int | None = None

    def prepare(self, account: Account | None = None) -> None:
        """Makes the folder, and those above it where they are missing, for a service that runs as this account."""
        self.account = account
        make_private(self.path, account)
        _close(self.path, account)

    def own(self, name: str) -> Path:
        """A folder within that is the service's own, emptied where it is there."""
        folder = self.path / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        if self.account is not None:
            self.account.give(folder)
        return folder

    def keep(self, name: str, text: str) -> Path:
        """Writes a file that the service reads and does not change, and that nobody else reads."""
        target, written = self.path / name, self.path / f".{name}.new"
        self._write(written, text)
        if self.account is not None:
            os.chown(written, -1, self.account.gid)
            written.chmod(0o640)
        written.replace(target)
        return target

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
        self._write(written, json.dumps(value))
        written.replace(target)

    def _write(self, path: Path, text: str) -> None:
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)

    def recall(self, name: str) -> dict[str, Any]:
        """Reads a document of `remember`; empty when there is none, ServiceError where it is another user's."""
        try:
            loaded = json.loads((self.path / name).read_text("utf-8"))
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        except PermissionError:
            raise others(self.path) from None
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
