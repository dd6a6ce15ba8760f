"""The application over HTTP in a process of its own: `python -m benchmarks.http_process DSN`.

Everybody who asks is of finance. It writes its address as a line to standard output once it answers, and ends when
its standard input is closed.
"""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from starlette.requests import Request

from api.access.principal import Principal
from api.app import create_app
from api.server import listen, serve, url_of
from api.surface import Surface
from ledger.access.duties import Duty
from ledger.database import Role
from projections.reading import Readers

_KIB_PER_MIB = 1024


class Server:
    """A running process: its address, and what it holds of memory."""

    def __init__(self, process: "subprocess.Popen[str]", url: str) -> None:
        self._process, self.url = process, url

    def peak_mib(self) -> float:
        """The most it has had resident so far, in MiB."""
        status = Path(f"/proc/{self._process.pid}/status").read_text("ascii")
        line = next(each for each in status.splitlines() if each.startswith("VmHWM:"))
        return int(line.split()[1]) / _KIB_PER_MIB


@contextmanager
def serving_process(dsn: str) -> Iterator[Server]:
    """A server on a store for as long as the block runs."""
    command = [sys.executable, "-m", "benchmarks.http_process", dsn]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        with process.stdin:
            yield Server(process, process.stdout.readline().strip())


async def _of_finance(_: Request) -> Principal:
    return Principal("key:benchmark", Duty.FINANCE)


def main() -> None:
    """Serve until standard input ends."""
    readers, stop = Readers(sys.argv[1], (Role.AUDITOR, Role.TENANT)), threading.Event()
    readers.open()
    with listen("127.0.0.1", 0) as listening:
        application = create_app(Surface(readers, _of_finance))

        def ready() -> None:
            print(url_of(listening), flush=True)

        thread = threading.Thread(target=serve, args=(application, listening, ready, stop))
        thread.start()
        sys.stdin.read()
        stop.set()
        thread.join()
    readers.close()


if __name__ == "__main__":
    main()
