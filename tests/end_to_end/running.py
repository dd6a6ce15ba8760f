"""The command as its users run it: in processes of its own, on a data directory with embedded services."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

import orjson

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
        settings = {"CACHE_DIR": str(default_cache_dir()), "DATA_DIR": str(self.data_dir)} | variables
        # A command that is made to end with SIGABRT writes its stacks to the log.
        inherited["PYTHONFAULTHANDLER"] = "1"
        self.environment = inherited | {f"{ENV_PREFIX}{name}": value for name, value in settings.items()}

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


def documents(path: Path) -> list[dict[str, Any]]:
    """The documents of a file of JSON lines."""
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def counts_add_up(summary: dict[str, Any]) -> bool:
    """Whether each event of the call was taken in exactly one way."""
    ways = ("accepted", "duplicates", "conflicts", "dead_lettered")
    return bool(summary["events_in"] == sum(summary[way] for way in ways))
