"""Files of events and their undisturbed settlements, each made once for all tests of this folder."""

import subprocess
import sys
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.progress import progress
from tests.end_to_end.running import Home
from wattledger.demo.network import network
from wattledger.embedded import services

# More of them show nothing more: there is each kind of message from a few hundred on.
NETWORK_SESSIONS, NETWORK_SEED = 400, 20260
# Of a thousand sessions there are some batches of each kind, between which something can be lost.
FIRST_REAL_EVENTS = 8_000


@dataclass(frozen=True, slots=True)
class Settled:
    """A settlement: its events, where its files are, its summary, how far its progress counted, its use by EVSE."""

    events: Path
    home: Home
    out: Path
    summary: dict[str, Any]
    progress: int
    use: list[dict[str, Any]]


def settled(events: Path, folder: Path) -> Settled:
    """The events settled by one call on a store of their own, which shares the servers that are watched here."""
    home = Home(folder).made_ahead()
    with services(home.settings, home.data_dir) as running:
        summary = home.settle(folder / "out", events)
        use = home.json("use", "--by", "evse")
        return Settled(events, home, folder / "out", summary, progress(running.dsn) or 0, use)


@pytest.fixture(scope="session")
def real_events(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The messages about 3,000 real sessions at three operators, in the order of time."""
    events = tmp_path_factory.mktemp("real") / "events.jsonl"
    tool, data = shared_dir / "tools" / "acn_events.py", shared_dir / "data" / "acn-caltech-sessions.csv"
    with events.open("wb") as file:
        subprocess.run([sys.executable, str(tool), str(data)], stdout=file, check=True, timeout=120)
    return events


@pytest.fixture(scope="session")
def real_settled(real_events: Path, tmp_path_factory: pytest.TempPathFactory) -> Settled:
    """The real sessions, settled in the order of time."""
    return settled(real_events, tmp_path_factory.mktemp("real-settled"))


@pytest.fixture(scope="session")
def first_real_settled(real_events: Path, tmp_path_factory: pytest.TempPathFactory) -> Settled:
    """What was told of the first of the real sessions, settled in the order of time."""
    folder = tmp_path_factory.mktemp("first-real")
    with real_events.open("rb") as told, (folder / "events.jsonl").open("wb") as file:
        file.writelines(islice(told, FIRST_REAL_EVENTS))
    return settled(folder / "events.jsonl", tmp_path_factory.mktemp("first-real-settled"))


@pytest.fixture(scope="session")
def network_events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The messages of an invented network, with refunds, disputes, corrections, late tariffs, returns and roaming."""
    events = tmp_path_factory.mktemp("network") / "events.jsonl"
    with events.open("wb") as file:
        file.writelines(line.rstrip(b"\n") + b"\n" for line in network(NETWORK_SEED, sessions=NETWORK_SESSIONS))
    return events


@pytest.fixture(scope="session")
def network_settled(network_events: Path, tmp_path_factory: pytest.TempPathFactory) -> Settled:
    """The invented network, settled in the order of time."""
    return settled(network_events, tmp_path_factory.mktemp("network-settled"))
