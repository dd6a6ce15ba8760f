"""Starts a service as a child process that cannot outlive this one, and stops it in order."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path

from wattledger.embedded.account import Account

_LAUNCHER = Path(__file__).with_name("launcher.py")
_KEPT_VARIABLES = ("LD_LIBRARY_PATH", "TMPDIR", "TZDIR")
_LOG_BYTES_MAX = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Command:
    """What to execute: absolute program, arguments, folder, log file, account (root only) and the stop signal.

    `reads` are files of others that it has to read, beside its program and its folder.
    """

    argv: Sequence[str]
    folder: Path
    log: Path
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    environment: Mapping[str, str] = field(default_factory=dict)
    reads: Sequence[Path] = ()

    def __post_init__(self) -> None:
        if not self.argv or not Path(self.argv[0]).is_absolute():
            raise ValueError(f"a command names its program by an absolute path, not {list(self.argv[:1])}")


class Child:
    """One running service process."""

    def __init__(self, command: Command) -> None:
        self._command = command
        _roll(command.log)
        self._log_start_bytes = command.log.stat().st_size if command.log.exists() else 0
        self._process = _from_lasting_thread(lambda: _spawn(command))

    @property
    def pid(self) -> int:
        """The process id, which the launcher hands on to the service itself."""
        return self._process.pid

    def running(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def killed(self) -> bool:
        """Whether somebody ended it with `kill -9`."""
        return self._process.poll() == -signal.SIGKILL

    def wait(self, timeout_seconds: float | None = None) -> int:
        """Waits for the end and returns the exit status.

        Raises:
            subprocess.TimeoutExpired: it still runs after `timeout_seconds`.
        """
        return self._process.wait(timeout_seconds)

    def output(self) -> str:
        """What this process wrote to its log so far."""
        with contextlib.suppress(FileNotFoundError), self._command.log.open("rb") as log:
            log.seek(self._log_start_bytes)
            return log.read().decode("utf-8", "replace")
        return ""

    def stop(self, timeout_seconds: float = 20.0) -> None:
        """Asks the service to stop and waits; kills it when it does not."""
        if self.running():
            self._process.send_signal(self._command.stop_signal)
        try:
            self._process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Ends the process as a `kill -9` from outside would."""
        if self.running():
            self._process.kill()
        self._process.wait()


def run_to_end(command: Command, timeout_seconds: float = 120.0) -> tuple[int, str]:
    """Runs a short command; returns its exit status and what it wrote."""
    child = Child(command)
    try:
        return child.wait(timeout_seconds), child.output()
    finally:
        child.kill()


def bound_to_this_process(argv: Sequence[str], death_signal: signal.Signals, *preparations: str) -> list[str]:
    """The command line by which a command, started from a thread that lasts, gets the signal once this process dies.

    It has a session of its own, so that Ctrl-C in the terminal is for this process. The launcher's docstring has the
    preparations.
    """
    return [
        *(sys.executable, "-I", "-S", str(_LAUNCHER)),
        *(str(os.getpid()), str(int(death_signal)), *preparations, "--"),
        *argv,
    ]


def _preparations(command: Command) -> list[str]:
    """What a service keeps, nobody else reads."""
    account = command.account
    if account is None:
        return ["private"]
    return ["private", f"account={account.uid}:{account.gid}", *(f"reads={path}" for path in command.reads)]


def _spawn(command: Command) -> subprocess.Popen[bytes]:
    kept = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    with os.fdopen(os.open(command.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as log:
        os.fchmod(log.fileno(), 0o600)
        return subprocess.Popen(  # noqa: S603 - the program is one of our own wheels', by absolute path.
            bound_to_this_process(command.argv, command.stop_signal, *_preparations(command)),
            cwd=command.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Nothing of the caller's environment may steer a service: PGPORT, CLASSPATH or JDK_JAVA_OPTIONS would.
            env={"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC", **kept, **command.environment},
        )


def _roll(log: Path) -> None:
    if log.exists() and log.stat().st_size > _LOG_BYTES_MAX:
        log.replace(log.with_suffix(".old.log"))


class _Spawner:
    """One thread that lives as long as this process and starts every child.

    Linux signals a child on the end of the *thread* that started it, so that a child started from a short-lived
    worker thread would be stopped at once.
    """

    def __init__(self) -> None:
        self._requests: queue.SimpleQueue[
            tuple[Callable[[], subprocess.Popen[bytes]], Future[subprocess.Popen[bytes]]]
        ]
        self._requests = queue.SimpleQueue()
        threading.Thread(target=self._serve, name="wattledger-spawner", daemon=True).start()

    def submit(self, start: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
        future: Future[subprocess.Popen[bytes]] = Future()
        self._requests.put((start, future))
        return future.result()

    def _serve(self) -> None:
        while True:
            start, future = self._requests.get()
            try:
                future.set_result(start())
            except OSError as error:
                future.set_exception(error)


_spawner: _Spawner | None = None
_spawner_lock = threading.Lock()


def _from_lasting_thread(start: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    global _spawner
    with _spawner_lock:
        if _spawner is None:
            _spawner = _Spawner()
    return _spawner.submit(start)


def _forget_spawner() -> None:
    """A forked copy of this process has the object and not its thread."""
    global _spawner, _spawner_lock
    _spawner, _spawner_lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget_spawner)
