"""`wattledger up` on a folder of its own, with a name for each of its processes."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg

from tests.end_to_end.progress import progress, records_taken
from tests.end_to_end.running import Home, Process

_START_S, _LOOK_S = 180.0, 0.2
_BUSY = """
SELECT pid, application_name, client_port, state, wait_event_type, wait_event, pg_blocking_pids(pid),
       round(extract(epoch FROM now() - xact_start)::numeric, 1), left(query, 300)
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
ORDER BY xact_start NULLS LAST
"""
# Events that some read model has not taken in yet, and rows that wait to be sent.
_LEFT = """
SELECT (SELECT coalesce(max(notification_id), 0) FROM event_store.stored_events)
     - (SELECT coalesce(min(position), 0) FROM projection.generation WHERE live)
     + (SELECT count(*) FROM intake.outbox)
"""


class System:
    """Started when it is needed, and again where it was killed; `end` kills what is left of it."""

    def __init__(self, folder: Path) -> None:
        self.home = Home(folder, PROCESSES="2").made_ahead()
        self._up: Process | None = None

    def keep_up(self) -> None:
        """Start `wattledger up` unless it runs."""
        if self._up is None or self._up.poll() is not None:
            self._up = self.home.start("up")

    def end(self) -> None:
        """Let all go on that stand still, and tell the system to end."""
        for process in self.processes().values():
            _tell(process, signal.SIGCONT)
        if self._up is not None and self._up.poll() is None:
            self._up.terminate()
            with suppress(Exception):
                self._up.wait(180)
            self._up.kill()
            self._up.wait()

    def processes(self) -> dict[str, psutil.Process]:
        """All that run now by name: pieces by their words, `postgres`, `backend N`, `kafka`, and `up` itself."""
        found: dict[str, psutil.Process] = {}
        if self._up is None or self._up.poll() is not None:
            return found
        with suppress(psutil.Error):
            top = psutil.Process(self._up.pid)
            found["up"] = top
            for child in top.children(recursive=True):
                with suppress(psutil.Error):
                    name = _name_of(child)
                    if name in found:
                        name = f"{name} {sum(each.startswith(name) for each in found) + 1}"
                    if name:
                        found[name] = child
        return found

    def records_taken(self) -> int:
        """How many records are counted; -1 while the database does not say."""
        known = records_taken(self.home.dsn())
        return -1 if known is None else known

    def left(self) -> int:
        """How much is still to be projected or sent; -1 while the database does not say."""
        found = self._rows(_LEFT)
        return int(found[0][0]) if found else -1

    def progress(self) -> int:
        """How far the store has come; -1 while it does not say."""
        known = progress(self.home.dsn())
        return -1 if known is None else known

    def await_pieces(self) -> bool:
        """Whether all pieces ran within a limit, two consumers among them."""
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline:
            self.keep_up()
            names = self.processes().keys()
            if {"consume", "consume 2", "project", "payouts run --watch", "postgres", "kafka"} <= names:
                return True
            time.sleep(_LOOK_S)
        return False

    def stacks(self) -> str:
        """Where all processes and sessions are: what each says when it is asked, and what the database does."""
        before = self.home.log.stat().st_size
        for name, process in self.processes().items():
            if "wattledger.cli" in " ".join(_words(process)):
                self.home.log.open("ab").write(f"-- stacks of {name} ({process.pid}), {_status(process)}\n".encode())
                _tell(process, signal.SIGUSR1)
                time.sleep(_LOOK_S)
        sessions = "\n".join(map(str, self._rows(_BUSY))) or "the database does not answer"
        running = {name: (process.pid, _status(process)) for name, process in self.processes().items()}
        said = self.home.log.read_bytes()
        told = said[max(0, before - 4_000) :].decode(errors="replace")
        return f"processes: {running}\nsessions:\n{sessions}\nlog:\n{told}"

    def _rows(self, query: str) -> list[Any]:
        dsn = self.home.dsn()
        with suppress(psycopg.Error):
            if dsn is not None:
                with psycopg.connect(dsn, connect_timeout=2, options="-c statement_timeout=5s") as connection:
                    return connection.execute(query.encode()).fetchall()
        return []


def do(deed: str, process: psutil.Process) -> bool:
    """`kill`, `freeze` or `let go on`; False where the process is gone."""
    number = {"kill": signal.SIGKILL, "freeze": signal.SIGSTOP, "let go on": signal.SIGCONT}[deed]
    return _tell(process, number)


def _tell(process: psutil.Process, number: signal.Signals) -> bool:
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return False
    return True


def _status(process: psutil.Process) -> str:
    try:
        return str(process.status())
    except psutil.Error:
        return "gone"


def _words(process: psutil.Process) -> list[str]:
    try:
        return list(process.cmdline())
    except psutil.Error:
        return []


def _name_of(process: psutil.Process) -> str:
    """Empty for what is none of the system's own, such as a launcher or a helper of the database."""
    words = _words(process)
    if "wattledger.cli" in words[:4]:
        return " ".join(words[words.index("wattledger.cli") + 1 :])
    first = " ".join(words[:1])
    if first.endswith("/java"):
        return "kafka"
    if first.endswith("/postgres"):
        return "postgres"
    return "backend" if first.startswith("postgres: ") and "wattledger" in first.split("(")[0] else ""
