"""The command as its users run it: in processes of its own, on a data directory with embedded services."""

import logging
import os
import signal
import subprocess
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any, Literal, Self, TypeAlias
from unittest.mock import patch

import orjson

from tests.support.made_ahead import with_servers
from wattledger.cli import main
from wattledger.settings import ENV_PREFIX, Settings, default_cache_dir

PROJECT_ROOT = Path(__file__).resolve().parents[2]
_SECONDS_MAX = 300

Process: TypeAlias = subprocess.Popen[bytes]
Victim: TypeAlias = Literal["kafka", "postgresql"]


class Home:
    """A folder with a data directory, the command run on it, and what the command left there.

    Nothing of the caller's settings reaches the command: `variables` are `WATTLEDGER_*` names without the prefix.
    """

    def __init__(self, folder: Path, **variables: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.data_dir = folder / "data"
        self.log = folder / "command.log"
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(ENV_PREFIX)}
        # Nobody looks, unless a test says so: a live system then has one process less.
        settings = {"CACHE_DIR": str(default_cache_dir()), "DATA_DIR": str(self.data_dir), "PORT": "0"} | variables
        # A command that is made to end with SIGABRT writes its stacks to the log.
        inherited["PYTHONFAULTHANDLER"] = "1"
        self.environment = inherited | {f"{ENV_PREFIX}{name}": value for name, value in settings.items()}

    def made_ahead(self) -> Self:
        """This home, with servers and nothing on them: for tests that are not about how servers are made."""
        with_servers(self.data_dir)
        return self

    @property
    def settings(self) -> Settings:
        """The settings of the command, for what a test does in its own process."""
        return Settings(data_dir=self.data_dir, cache_dir=default_cache_dir())

    def start(self, *words: str | Path) -> Process:
        """The command in the background, writing to the log."""
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "wattledger.cli", *map(str, words)],
                cwd=PROJECT_ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def run(self, *words: str | Path, status: int = 0) -> bytes:
        """The command to its end, which must be `status`; what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "wattledger.cli", *map(str, words)],
            cwd=PROJECT_ROOT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS_MAX,
            check=False,
        )
        said = done.stderr.decode(errors="replace")
        assert done.returncode == status, f"{' '.join(map(str, words))} ended with {done.returncode}: {said[-3000:]}"
        assert "Traceback" not in said, said
        return done.stdout if status == 0 else done.stderr

    def json(self, *words: str | Path) -> Any:
        """The document that the command prints with `--json`, and nothing else."""
        return orjson.loads(self.run(*words, "--json"))

    def settle(self, out: Path, *files: Path, options: Sequence[str] = ()) -> dict[str, Any]:
        """`wattledger settle` of files into `out`; its summary."""
        summary = self.json("settle", *files, "--out", out, *options)
        assert summary == orjson.loads((out / "summary.json").read_bytes())
        return dict(summary)

    def dsn(self) -> str | None:
        """Where the embedded database is, while a command runs it."""
        endpoint = self._remembered("postgresql", "endpoint.json")
        return str(endpoint["address"]) if endpoint else None

    def kill(self, server: Victim) -> bool:
        """`kill -9` of an embedded server; False when it does not run."""
        known = self._remembered(server, "process.json")
        try:
            if known is None:
                return False
            os.kill(int(known["pid"]), signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def _remembered(self, server: Victim, name: str) -> dict[str, Any] | None:
        try:
            return dict(orjson.loads((self.data_dir / server / name).read_bytes()))
        except (FileNotFoundError, orjson.JSONDecodeError):
            return None


class Inside(Home):
    """A home whose `run` is the command in the process of the tests, for tests of what it does and not of its start.

    That saves the half second of a processor which a process takes to load the engine. `start` is what it is. All
    that was printed and logged is in `said`.
    """

    def __init__(self, folder: Path, **variables: str) -> None:
        super().__init__(folder, **variables)
        self.said: list[bytes] = []

    def run(self, *words: str | Path, status: int = 0) -> bytes:
        """The command to its end, which must be `status`; what it printed."""
        out, err = TextIOWrapper(BytesIO(), "utf-8"), TextIOWrapper(BytesIO(), "utf-8")
        with (
            patch.dict(os.environ, self.environment, clear=True),
            _logging_as_it_was(),
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            found = main([*map(str, words)])
        told = [_written(each) for each in (out, err)]
        self.said += told
        said = told[1].decode(errors="replace")
        told_of = f"{said[-3000:]}{told[0].decode(errors='replace')[-3000:]}"
        assert found == status, f"{' '.join(map(str, words))} ended with {found}: {told_of}"
        assert "Traceback" not in said, said
        return told[0] if status == 0 else told[1]


def _written(stream: TextIOWrapper) -> bytes:
    stream.flush()
    assert isinstance(stream.buffer, BytesIO)
    return stream.buffer.getvalue()


@contextmanager
def _logging_as_it_was() -> Iterator[None]:
    """A command has all logs of its process in its own form; afterwards they go where they went before."""
    root, hook, shown = logging.getLogger(), threading.excepthook, warnings.showwarning
    handlers, level = [*root.handlers], root.level
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        root.handlers[:] = handlers
        root.setLevel(level)
        threading.excepthook, warnings.showwarning = hook, shown


def documents(path: Path) -> list[dict[str, Any]]:
    """The documents of a file of JSON lines."""
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def counts_add_up(summary: dict[str, Any]) -> bool:
    """Whether each event of the call was taken in exactly one way."""
    ways = ("accepted", "duplicates", "conflicts", "dead_lettered")
    return bool(summary["events_in"] == sum(summary[way] for way in ways))
