"""What a machine has no more of ends a command at once, with what to do; with room again everything goes on."""

import errno
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from psycopg import Connection

from ledger.database import connect
from ledger.errors import MachineryFault, NeedsHelp
from projections.schema import migrate
from wattledger.embedded import EmbeddedPostgres
from wattledger.failures import report
from wattledger.patience import patiently
from wattledger.room import room_in

_FULL_S = 60.0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A small file system: called with the options of its mount, which change while it is there."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mount(options: str) -> Path:
        again = "remount," if os.path.ismount(folder) else ""
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"{again}{options}", "tmpfs", str(folder)], check=False)
        if done.returncode != 0:
            pytest.skip("file systems cannot be mounted here")
        return folder

    yield mount
    if os.path.ismount(folder):
        subprocess.run(["umount", "-l", str(folder)], check=True)


def away() -> None:
    raise MachineryFault("the server is away")


def test_a_server_without_room_is_not_waited_for(disk: Callable[[str], Path]) -> None:
    folder = disk("size=8m")
    (folder / "data").write_bytes(bytes(7 << 20))
    with room_in(folder):
        with pytest.raises(NeedsHelp, match=f"the disk of {folder} is full .*: free some room there"):
            patiently(away, _FULL_S)
        disk("size=64m,ro")
        with pytest.raises(NeedsHelp, match=f"the file system of {folder} is read only.*: mount it"):
            patiently(away, _FULL_S)
        disk("size=64m,rw")
        with pytest.raises(MachineryFault, match="the server is away"):
            patiently(away, 0.1)


def test_a_full_disk_of_the_database_is_told_and_goes_on_once_it_is_larger(disk: Callable[[str], Path]) -> None:
    folder = disk("size=110m,mode=755")

    def write(count: int) -> None:
        with connect(server.dsn, "wattledger_owner") as owner:
            owner.execute("CREATE TABLE IF NOT EXISTS wattledger.much (text text)")
            _fill(owner, count)

    # A server that finds no room for its log ends, and one that finds none for a table refuses the statement.
    with EmbeddedPostgres(folder) as server, room_in(folder):
        migrate(server.dsn)
        with pytest.raises(NeedsHelp, match=r"free some room .*; nothing was lost"):
            patiently(lambda: write(100), _FULL_S)
        disk("size=1g")
        server.start()
        patiently(lambda: write(1), _FULL_S)
        with connect(server.dsn, "wattledger_owner") as owner:
            assert owner.execute("SELECT count(*) FROM wattledger.much").fetchone() == (10_000,)


def _fill(owner: Connection[tuple[object, ...]], count: int) -> None:
    for _ in range(count):
        owner.execute("INSERT INTO wattledger.much SELECT repeat(md5(n::text), 4) FROM generate_series(1, 10000) n")


@pytest.mark.parametrize(
    "number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.ENOMEM]
)
def test_what_the_system_refuses_is_told_with_what_to_do(number: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(OSError(number, os.strerror(number), "out/file.csv"), debug=False) == 1
    told = capsys.readouterr().err
    assert number == errno.ENOMEM or os.strerror(number) in told
    assert "nothing was lost" in told


# Nothing more from here on, when all that is slow to load is there.
_EXHAUSTED = """
import resource, sys
from wattledger.cli import main
import psycopg, ledger.database
if sys.argv[1] == "files":
    with open("/dev/null") as file:
        limit, most = resource.RLIMIT_NOFILE, file.fileno()
else:
    pages = int(open("/proc/self/statm").read().split()[0])
    limit, most = resource.RLIMIT_AS, pages * resource.getpagesize() + (2 << 20)
resource.setrlimit(limit, (most, most))
sys.exit(main(["verify"]))
"""


@pytest.mark.parametrize(("what", "limit"), [("files", "ulimit -n"), ("memory", "ulimit -v")])
def test_a_command_that_may_have_no_more_says_so(what: str, limit: str) -> None:
    environment = {**os.environ, "WATTLEDGER_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing"}
    words = [sys.executable, "-c", _EXHAUSTED, what]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    assert limit in done.stderr
