"""The pieces of a live system: processes that are started again when they end, and that end with their starter.

A piece is one of our own commands. Linux tells it to end when the process that started it dies, however that dies, as
it does the embedded services.
"""

import logging
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Thread
from typing import IO

from wattledger.embedded.process import bound_to_this_process

_log = logging.getLogger(__name__)

# A piece ends by itself within 10 seconds of being told to (wattledger.ending); the rest is for a busy machine.
END_S = 12.0
# A piece that ends soon after its start is waited with, longer each time, so that its errors can be read.
_PAUSE_S, _PAUSE_S_MAX = 1.0, 15.0
_SOUND_S = 60.0


class Pieces:
    """Runs pieces, by name, each the words of a command, until `stop`.

    They are started from the thread that calls `start` and `tend`, whose end would be theirs: the main thread.
    """

    def __init__(
        self,
        words: Mapping[str, Sequence[str]],
        environment: Mapping[str, str],
        own: Mapping[str, Mapping[str, str]] | None = None,
        say: Callable[[str], None] | None = None,
    ) -> None:
        """`own` are variables of single pieces, which come before those of the `environment` of all.

        `say` is given each line that a piece prints on standard error; without it they print on ours.
        """
        variables = own or {}
        self._pieces = [
            _Piece(name, each, {**environment, **variables.get(name, {})}, say) for name, each in words.items()
        ]

    def start(self) -> None:
        """Start all."""
        for piece in self._pieces:
            piece.start()

    def tend(self) -> None:
        """Start again what has ended, once its pause is over; to be called often."""
        for piece in self._pieces:
            if piece.has_ended():
                piece.start()

    def stop(self) -> None:
        """Tell all to end, and wait until they have; whatever takes too long is killed."""
        processes = [piece.process for piece in self._pieces if piece.process is not None]
        for process in processes:
            process.terminate()
        _wait(processes, time.monotonic() + END_S)


@dataclass(slots=True)
class _Piece:
    """One piece: its process while there is one, and when it may be started again."""

    name: str
    words: Sequence[str]
    environment: Mapping[str, str]
    say: Callable[[str], None] | None = None
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    start_at: float = 0.0
    pause_s: float = _PAUSE_S

    def start(self) -> None:
        command = bound_to_this_process([sys.executable, "-m", "wattledger.cli", *self.words], signal.SIGTERM)
        self.started_at = time.monotonic()
        heard = subprocess.PIPE if self.say is not None else None
        self.process = subprocess.Popen(  # noqa: S603 - our own command with our own words
            command,
            env={**self.environment, "WATTLEDGER_PIECE": self.name},
            stdin=subprocess.DEVNULL,
            stderr=heard,
        )
        if self.say is not None and self.process.stderr is not None:
            Thread(target=_pass_on, args=(self.process.stderr, self.say), name=self.name, daemon=True).start()

    def has_ended(self) -> bool:
        """Whether there is no process and it is time for another one."""
        now = time.monotonic()
        if self.process is not None and self.process.poll() is not None:
            self.pause_s = _PAUSE_S if now - self.started_at > _SOUND_S else min(2 * self.pause_s, _PAUSE_S_MAX)
            self.start_at = now + self.pause_s
            status = self.process.returncode
            _log.warning("%s ended with status %d; it is started again in %.0f s", self.name, status, self.pause_s)
            self.process = None
        return self.process is None and now >= self.start_at


def _pass_on(lines: IO[bytes], say: Callable[[str], None]) -> None:
    with lines:
        for line in lines:
            say(line.decode(errors="replace").rstrip("\n"))


def _wait(processes: Iterable["subprocess.Popen[bytes]"], deadline: float) -> None:
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
