"""What the tests of services see from outside: sockets, other processes, other users."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path

import psutil

PROJECT_ROOT = Path(__file__).resolve().parents[2]


def listening_addresses(pid: int) -> set[str]:
    """The addresses on which a process accepts TCP connections."""
    connections = psutil.Process(pid).net_connections(kind="tcp")
    # Java listens on IPv6 sockets that are bound to an IPv4 address.
    return {link.laddr.ip.removeprefix("::ffff:") for link in connections if link.status == psutil.CONN_LISTEN}


def python_process(
    script: str, *, environment: Mapping[str, str], user_id: int | None = None, python: str = sys.executable
) -> "subprocess.Popen[str]":
    """Runs a script in a Python of its own, with this environment alone, and as another user if one is given."""
    paths = os.pathsep.join([str(PROJECT_ROOT), sysconfig.get_path("purelib")])
    return subprocess.Popen(
        [python, "-c", script],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=environment["HOME"],
        env={"PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", **environment},
        user=user_id,
        group=user_id,
        extra_groups=None if user_id is None else [],
    )


def python_of_all_users() -> str | None:
    """A Python that any account can run, ours or the machine's own of the same version; None where there is none.

    There is none either where the project lies below a folder, or was made with a umask, that keeps others out of it.
    """
    if not all(map(_open_to_all, (PROJECT_ROOT / "wattledger", Path(sysconfig.get_path("purelib"))))):
        return None
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/python{version}", f"/usr/local/bin/python{version}"):
        if Path(candidate).exists() and _open_to_all(Path(candidate).resolve().parent):
            return candidate
    return None


def _open_to_all(folder: Path) -> bool:
    return all(each.stat().st_mode & 0o005 == 0o005 for each in (folder, *folder.parents))
