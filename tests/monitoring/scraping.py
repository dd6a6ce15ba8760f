"""Pieces in processes of their own, asked over HTTP as Prometheus and probes ask them."""

import re
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.end_to_end.running import Home, Process
from tests.support.waiting import wait_until

# Nothing here goes through a proxy of the machine.
_HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))
WORDS = {"consume": ["consume"], "project": ["project"], "clock": ["payouts", "run", "--watch"]}
WORDS |= {"load": ["load", "run"], "webhooks": ["webhooks", "run"]}


def ask(url: str, method: str = "GET") -> tuple[int, str]:
    """Status and body."""
    try:
        with _HTTP.open(urllib.request.Request(url, method=method), timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()


class Scrape:
    """The metrics of a piece at one moment."""

    def __init__(self, text: str) -> None:
        self.families: list[Metric] = list(text_string_to_metric_families(text))
        self._samples = [sample for family in self.families for sample in family.samples]

    @property
    def names(self) -> set[str]:
        """The names of all series."""
        return {sample.name for sample in self._samples}

    @property
    def labels(self) -> dict[str, set[str]]:
        """The labels of each series, by its name."""
        found: dict[str, set[str]] = {}
        for sample in self._samples:
            found.setdefault(sample.name, set()).update(sample.labels)
        return found

    def sum(self, name: str, **labels: str) -> float:
        """The values of a series with these labels, added up; 0 where there is none."""
        return sum(
            sample.value
            for sample in self._samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )


@dataclass(frozen=True, slots=True)
class PieceAt:
    """A piece that answers."""

    process: Process
    url: str

    def livez(self) -> tuple[int, str]:
        """Status and sentence."""
        return ask(f"{self.url}/livez")

    def readyz(self) -> tuple[int, str]:
        """Status and sentence."""
        return ask(f"{self.url}/readyz")

    def is_ready(self) -> bool:
        """Whether it says so."""
        return self.readyz() == (200, "ready\n")

    def scrape(self) -> Scrape:
        """Its metrics."""
        status, text = ask(f"{self.url}/metrics")
        assert status == 200
        return Scrape(text)


def urls_in(log: Path) -> list[tuple[str, str]]:
    """Which pieces said that they answer, and where, in the order in which they did."""
    text = log.read_text() if log.exists() else ""
    return re.findall(r"^wattledger: (\w+) answers at (http://\S+): /livez, /readyz, /metrics$", text, re.MULTILINE)


def started(home: Home, names: Iterable[str]) -> dict[str, PieceAt]:
    """Pieces that were started and are ready."""
    processes = {name: home.start(*WORDS[name]) for name in names}
    try:
        wait_until(lambda: set(processes) <= {name for name, _ in urls_in(home.log)})
        pieces = {name: PieceAt(processes[name], url) for name, url in urls_in(home.log) if name in processes}
        wait_until(lambda: all(piece.is_ready() for piece in pieces.values()))
    except BaseException:
        ended(processes.values())
        raise
    return pieces


def ended(processes: Iterable[Process]) -> None:
    """End processes, whatever they do."""
    for process in processes:
        process.kill()
        process.wait()
