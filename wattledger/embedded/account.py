"""The account that services run as under root: one of their own, so that nobody else's processes are theirs too.

PostgreSQL refuses to run as root, and Kafka has no need to. `nobody` is no such account: whatever else runs as
`nobody` on the machine could rewrite a database's files.
"""

import fcntl
import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

NAME = "wattledger"
# What services ran as before they had an account of their own; its folders are taken over.
FORMER = "nobody"
# Where no account can be made: a number that nobody has, of those which neither distributions nor systemd give out.
_NUMBERS = range(61_017, 61_117)
_PROGRAM_FOLDERS = (Path("/usr/sbin"), Path("/sbin"), Path("/usr/bin"))
_USERADD_SECONDS_MAX = 60.0


@dataclass(frozen=True, slots=True)
class Account:
    """An account by its numbers; `name` is None where it has none."""

    uid: int
    gid: int
    name: str | None = None

    def give(self, path: Path) -> None:
        """Makes a file or folder the account's own."""
        os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def take_over(self, folder: Path) -> None:
        """Makes a folder and all in it the account's own; links are not followed, out of the folder or within it.

        Raises:
            OSError: a file has another name elsewhere, whose owner would change with it, or cannot be given away.
        """
        for _, names, files, descriptor in os.fwalk(folder, follow_symlinks=False):
            for name in (*names, *files):
                found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                if name in files and found.st_nlink > 1:
                    raise OSError(f"{name} in {folder} has a second name, and is left to its owner: copy it there")
                os.chown(name, self.uid, self.gid, dir_fd=descriptor, follow_symlinks=False)
        self.give(folder)


def services_account() -> Account | None:
    """The account of services: None where we are not root and services run as we do.

    It is `wattledger`, which is made where it is missing; where that cannot be, a number without a name.
    """
    if os.geteuid() != 0:
        return None
    return _known(NAME) or _made() or _unnamed()


def former_account() -> Account | None:
    """What services ran as before: `nobody`, where there is one."""
    return _known(FORMER)


def _known(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(entry.pw_uid, entry.pw_gid, name)


def _made() -> Account | None:
    """The account, made by the system's own program; several commands that start at once make one."""
    program = next((each / "useradd" for each in _PROGRAM_FOLDERS if (each / "useradd").exists()), None)
    if program is None:
        return None
    options = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    with Path(__file__).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _known(NAME) is None:
            try:
                subprocess.run(  # noqa: S603 - by absolute path, with words of ours alone.
                    [str(program), *options, "--shell", "/usr/sbin/nologin", NAME],
                    stdin=subprocess.DEVNULL,
                    capture_output=True,
                    timeout=_USERADD_SECONDS_MAX,
                    check=False,
                )
            except (OSError, subprocess.TimeoutExpired):
                return None
    return _known(NAME)


def _unnamed() -> Account:
    """The first number of ours that has no name: the same one each time."""
    for number in _NUMBERS:
        try:
            pwd.getpwuid(number)
        except KeyError:
            return Account(number, number)
    return Account(_NUMBERS.start, _NUMBERS.start)
