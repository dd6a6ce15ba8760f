"""A package of others as a process that listens on a socket of ours."""

import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import httpx

from tests.support.believed import BELIEVED
from tests.support.waiting import wait_until


@contextmanager
def running(words: Sequence[str | Path], log: Path) -> Iterator[str]:
    """Where a program listens that was started with `--fd N`; it ends with the block. What it says goes to `log`."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening, log.open("wb") as said:
        number, url = listening.fileno(), f"http://127.0.0.1:{listening.getsockname()[1]}"
        process = subprocess.Popen(
            [*map(str, words), "--fd", str(number)],
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            pass_fds=[number],
        )
        try:
            wait_until(lambda: process.poll() is not None or _answers(url))
            assert process.poll() is None, log.read_text()
            yield url
        finally:
            process.kill()
            process.wait()


def _answers(url: str) -> bool:
    # The socket listens before anybody takes what comes.
    with suppress(httpx.TransportError):
        return httpx.get(f"{url}/kept", timeout=2, verify=BELIEVED).status_code == httpx.codes.OK
    return False
