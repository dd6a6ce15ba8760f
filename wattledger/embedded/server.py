"""The life of an embedded server: locked, started or shared, waited for, stopped, killed, started again."""

import contextlib
import logging
import socket
import subprocess
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import psutil

from ledger.patience import Stopping, until
from wattledger.embedded.account import services_account
from wattledger.embedded.folder import ServiceFolder
from wattledger.embedded.ports import free, listening, take
from wattledger.embedded.process import Child, Command
from wattledger.errors import ServiceError

_log = logging.getLogger(__name__)
T = TypeVar("T")

_READY_SECONDS_MAX = 90.0
_SHARED_SECONDS_MAX = 90.0
_ORPHAN_SECONDS_MAX = 10.0
_SAME_PROCESS_SECONDS = 2.0
# Commands know a server by its port: what is on its way out of it is waited for.
_PORT_SECONDS_MAX = 60.0
_POLL_SECONDS = 0.03
_RETRY_SECONDS = 0.2
_TAIL_LINES = 3
# A server that is killed before it is up is started again, like one that is killed later.
_KILLS_MAX = 5


class EmbeddedServer(ABC):
    """One server on one folder of the data directory; several processes on it share the server of the first.

    The process that took the folder's lock runs the server and stops it; the others use its address, and the first
    of them that notices its end (`ensure_running`) starts it again on the same port.
    """

    name: str
    port_names: tuple[str, ...]
    # How long a server may take to end in order, before it is killed.
    stop_seconds = 20.0

    def __init__(self, data_dir: Path) -> None:
        self._folder = ServiceFolder(Path(data_dir).absolute() / self.name.lower())
        self._child: Child | None = None
        self._claims: list[socket.socket] = []
        self._address: str | None = None
        # Whether this process told anybody the address: it stays what it is from then on.
        self._is_known = False
        self._one_at_a_time = threading.RLock()
        self._cancelled = threading.Event()

    def start(self) -> str:
        """Starts the server, or joins the one that another process runs here; returns its address.

        Raises:
            ServiceError: it cannot be started, or the process that has the folder does not offer it.
        """
        with self._one_at_a_time:
            self._cancelled.clear()
            if self._child is not None and self._child.running() and self._address is not None:
                return self._address
            return self._start()

    def _start(self) -> str:
        try:
            self._folder.prepare(services_account())
        except OSError as error:
            raise ServiceError(
                f"{self.name}: the data directory {self._folder.path} cannot be used ({error.strerror}); "
                "choose another with --data-dir"
            ) from error
        self._address = self._run() if self._folder.lock() else self._join()
        self._is_known = True
        return self._address

    def ensure_running(self) -> bool:
        """Starts the server again if it has ended, here or in the process whose server was shared; True if it had.

        Raises:
            ServiceError: it cannot be started.
        """
        with self._one_at_a_time:
            ended = self._folder.lock() if self._child is None else not self._child.running()
            if ended and not self._cancelled.is_set():
                self._address = self._run()
            return ended

    def cancel(self) -> None:
        """Makes a start that is under way in another thread give up, and no watcher begin one."""
        self._cancelled.set()

    def stop(self) -> None:
        """Stops the server if this process runs it, and waits for its end."""
        self.cancel()
        with self._one_at_a_time:
            self._end()

    def _end(self) -> None:
        if self._child is not None:
            self._folder.forget("endpoint.json")
            self._child.stop(self.stop_seconds)
            self._child = None
            self._folder.forget("process.json")
        self._give_ports_back()
        self._folder.unlock()
        self._address = None

    def _give_ports_back(self) -> None:
        while self._claims:
            self._claims.pop().close()

    def kill(self) -> None:
        """Kills the server as `kill -9` would; `start` recovers it on the same port."""
        if self._child is not None:
            self._child.kill()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def offered(self) -> str | None:
        """The address of the server that runs on the folder now, whoever runs it; None while none answers."""
        endpoint = self._folder.recall("endpoint.json")
        return str(endpoint["address"]) if endpoint and listening(int(endpoint["port"])) else None

    @property
    def pid(self) -> int | None:
        """The server's process id, when this process runs it."""
        return self._child.pid if self._child is not None else None

    @abstractmethod
    def _prepare(self, ports: dict[str, int]) -> Command:
        """Makes the folder ready for a start on these ports and returns the command."""

    @abstractmethod
    def _is_ready(self, child: Child, ports: dict[str, int]) -> bool:
        """Whether the starting server answers."""

    @abstractmethod
    def _finish(self, ports: dict[str, int]) -> str:
        """Completes the start of a server that answers; returns its address."""

    def _retry(self, output: str) -> bool:
        """Whether a start that failed with this output is worth another try."""
        return False

    def _require_address(self) -> str:
        if self._address is None:
            raise ServiceError(f"{self.name} is not started; call start() first")
        return self._address

    def _run(self) -> str:
        try:
            self._end_orphan()
            ports = self._ports()
            command = self._prepare(ports)
            address = self._start_and_finish(command, ports)
            self._folder.remember("endpoint.json", {"address": address, "port": ports[self.port_names[0]]})
        except (OSError, subprocess.SubprocessError) as error:
            self._end()
            raise ServiceError(f"{self.name} cannot be started in {self._folder.path}: {error}") from error
        except BaseException:
            self._end()
            raise
        return address

    def _ports(self) -> dict[str, int]:
        self._give_ports_back()
        remembered = self._folder.recall("ports.json")
        if self._is_known or self._folder.recall("endpoint.json"):
            self._wait_for_ports(remembered)
        ports: dict[str, int] = {}
        for name in self.port_names:
            ports[name], claim = take(remembered.get(name), taken=ports.values())
            self._claims.append(claim)
        self._folder.remember("ports.json", ports)
        return ports

    def _wait_for_ports(self, remembered: dict[str, int]) -> None:
        """A server that was killed comes back where others look for it, however long its remains take to go."""
        for name in self.port_names:
            port = remembered.get(name)
            if port is None:
                continue
            what = f"port {port} of {self.name}, which something still has,"
            if self._until(lambda port=port: free(port), _POLL_SECONDS, _PORT_SECONDS_MAX, waits_for=what):  # type: ignore[misc]
                continue
            if self._is_known:
                raise ServiceError(
                    f"{self.name}: port {port}, by which others know it, is taken by another program; end that one"
                )
            _log.warning(
                "%s: port %d is taken by another program; whatever still runs on %s is to be started anew",
                self.name,
                port,
                self._folder.path,
            )

    def _start_and_finish(self, command: Command, ports: dict[str, int]) -> str:
        """Starts the server and sets it up; again when it is killed in between."""
        for _ in range(_KILLS_MAX):
            try:
                self._start_child(command, ports)
                return self._finish(ports)
            except ServiceError:
                if self._cancelled.is_set() or not self._was_killed():
                    raise
        raise ServiceError(f"{self.name} in {self._folder.path} is killed whenever it starts; see who does that")

    def _was_killed(self) -> bool:
        """Whether the server that failed is gone by a kill, or is so in a moment."""
        child = self._child
        if child is None:
            return False
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(1.0)
        return child.killed()

    def _start_child(self, command: Command, ports: dict[str, int]) -> None:
        """Starts the server and waits until it answers; again while what is in its way may go by itself."""
        failure = ""

        def starts() -> bool:
            nonlocal failure
            self._child = child = Child(command)
            self._folder.remember("process.json", {"pid": child.pid, "created": _created(child.pid)})
            if self._wait_until_ready(child, ports):
                return True
            output = child.output()
            failure = self._failure(child, output, command)
            if child.running() or not self._retry(output):
                raise ServiceError(failure)
            return False

        if not self._until(starts, _RETRY_SECONDS, _READY_SECONDS_MAX):
            raise ServiceError(failure)

    def _wait_until_ready(self, child: Child, ports: dict[str, int]) -> bool:
        """Whether a child that starts gets ready; not when it ends, or takes longer."""

        def state() -> str | None:
            if not child.running():
                return "ended"
            return "ready" if self._is_ready(child, ports) else None

        return self._until(state, _POLL_SECONDS, _READY_SECONDS_MAX) == "ready"

    def _until(
        self, condition: Callable[[], T], every_s: float, limit_s: float, *, waits_for: str | None = None
    ) -> T:
        """As `until`; raises ServiceError once the start is cancelled."""
        try:
            return until(condition, every_s, limit_s, self._cancelled, waits_for=waits_for)
        except Stopping:
            raise ServiceError(f"{self.name}: the start was cancelled") from None

    def _failure(self, child: Child, output: str, command: Command) -> str:
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        state = "did not become ready in time" if child.running() else "ended while starting"
        said = " | ".join(lines[-_TAIL_LINES:]) or "it wrote nothing"
        return f"{self.name} {state}: {said}; its whole log is {command.log}"

    def _join(self) -> str:
        what = f"{self.name}, which another process starts in {self._folder.path},"
        if address := self._until(self._offered_or_taken_over, _POLL_SECONDS, _SHARED_SECONDS_MAX, waits_for=what):
            return address
        raise ServiceError(
            f"{self.name}: another process has {self._folder.path} and offers no server there; "
            "end that process, or choose another --data-dir"
        )

    def _offered_or_taken_over(self) -> str | None:
        """The address that another process offers, or our own once that process is gone; None until then."""
        return self.offered() or (self._run() if self._folder.lock() else None)

    def _end_orphan(self) -> None:
        """Waits for a server whose process died, and ends it if it stays: the lock says that nobody uses it."""
        known = self._folder.recall("process.json")
        with contextlib.suppress(psutil.Error, KeyError, TypeError):
            orphan = psutil.Process(int(known["pid"]))
            # The number may have gone to another program; a corrected clock moves these times a little.
            if abs(orphan.create_time() - float(known["created"])) > _SAME_PROCESS_SECONDS:
                return
            try:
                orphan.wait(_ORPHAN_SECONDS_MAX)
            except psutil.TimeoutExpired:
                orphan.kill()
                orphan.wait(_ORPHAN_SECONDS_MAX)


def _created(pid: int) -> float | None:
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return None
