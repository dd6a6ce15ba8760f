"""Plants a defect in a copy of the source, settles a network with it, and verifies the book by the audit as it is."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ledger.audit import verify
from tests.planted.faults import Fault
from tests.support.decisions import PUBLIC_KEYS

PROJECT = Path(__file__).resolve().parent.parent.parent
_PACKAGES = ("api", "consumers", "contracts", "domain", "engine", "ledger", "projections", "tests", "wattledger")
_SECONDS_MAX = 600


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a book: the checks that failed, and what was refused before it came there, if so."""

    failed: frozenset[str]
    refused: str

    def shows(self, fault: Fault) -> bool:
        """Whether the defect was found by a check that should, or refused where it cannot come to be."""
        return bool(self.failed & fault.by) or (not fault.by and bool(self.refused))


def copied(folder: Path) -> Path:
    """The source in a folder of its own, with what Python made of it."""
    for package in _PACKAGES:
        shutil.copytree(PROJECT / package, folder / package)
    return folder


def plant(fault: Fault, folder: Path) -> None:
    """Put the defect into a copy; raises ValueError where the source is not any more what it names."""
    file = folder / fault.file
    source = file.read_text()
    if source.count(fault.old) != 1:
        raise ValueError(f"{fault.name}: what it replaces stands {source.count(fault.old)} times in {fault.file}")
    file.write_text(source.replace(fault.old, fault.new))


def uproot(fault: Fault, folder: Path) -> None:
    """The file of a defect as it is in the source."""
    shutil.copy2(PROJECT / fault.file, folder / fault.file)


def seen(dsn: str, copy: Path, out: Path) -> Seen:
    """Settle the network on an empty store by the source in `copy`, files to `out`, and verify the book."""
    command = [sys.executable, "-m", "tests.planted.network", dsn, str(out)]
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    ran = subprocess.run(
        command, cwd=copy, env=environment, capture_output=True, text=True, timeout=_SECONDS_MAX, check=False
    )
    if ran.returncode:
        raise RuntimeError(f"the network was not settled: {ran.stderr[-1500:]}")
    report = verify(dsn, decision_keys=PUBLIC_KEYS)
    return Seen(frozenset(check.name for check in report.failed), json.loads(ran.stdout)["refused"])
