"""django-hordak, a ledger of Django models with checks in PostgreSQL: installed into an environment of its own."""

import json
import subprocess
import sys
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.peers.peer import Way
from benchmarks.peers.transfers import Transfer
from wattledger.settings import default_cache_dir

VERSION = "2.0.0"
_PACKAGES = (f"django-hordak=={VERSION}", "psycopg[binary]")
_INSTALL_SECONDS_MAX = 300
_ROOT = Path(__file__).resolve().parents[2]


class Hordak:
    """django-hordak in a process of its own, so that nothing of it gets into ours."""

    name = "hordak"
    ways = tuple(Way)

    def missing(self) -> str | None:
        """Its packages, when they cannot be installed."""
        home = _home()
        if self.installed():
            return None
        try:
            venv.create(home, clear=True, with_pip=True)
            command = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", *_PACKAGES]
            subprocess.run(command, check=True, capture_output=True, text=True, timeout=_INSTALL_SECONDS_MAX)
        except (OSError, subprocess.SubprocessError) as error:
            said = getattr(error, "stderr", None) or str(error)
            return f"{_PACKAGES[0]} cannot be installed ({said.strip().splitlines()[-1]}); it needs a package index"
        (home / "installed").touch()
        return None

    def installed(self) -> bool:
        """Whether an earlier run has installed it."""
        return (_home() / "installed").exists()

    @contextmanager
    def open(self, dsn: str, accounts: int) -> Iterator["HordakBook"]:
        """Its migrations run and its accounts made, in the other process."""
        command = [str(_home() / "bin" / "python"), "-m", "benchmarks.peers.hordak_process"]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT
        ) as process:
            book = HordakBook(process)
            book.ask({"do": "open", "dsn": dsn, "accounts": accounts})
            yield book


class HordakBook:
    """Asks the other process, one JSON line each way."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def post(self, way: Way, made: Sequence[Transfer]) -> None:
        """By its `transfer_to`, one transaction each, or a set in one transaction by Django's bulk inserts."""
        moves = [(transfer.payer, transfer.payee, transfer.amount_minor) for transfer in made]
        self.ask({"do": "post", "way": way.name, "moves": moves})

    def balances(self) -> list[int]:
        """As it sums them; it keeps none."""
        return [int(balance) for balance in self.ask({"do": "balances"})]

    def ask(self, question: dict[str, Any]) -> Any:
        """The answer; raises RuntimeError when the process has ended."""
        told, heard = self._process.stdin, self._process.stdout
        if told is None or heard is None:
            raise RuntimeError("the process of hordak has no standard streams")
        told.write(json.dumps(question) + "\n")
        told.flush()
        line = heard.readline()
        if not line:
            raise RuntimeError(
                f"the process of hordak ended while it was asked to {question['do']}; see what it wrote"
            )
        return json.loads(line)


def _home() -> Path:
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return default_cache_dir() / "peers" / f"hordak-{VERSION}-python{python}"
