"""Processor time and memory by who uses them: the engine's processes, the database's and the broker's."""

import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

_MIB = 1024 * 1024
_KIB_A_MIB = 1024
_LOOK_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class ProcessorTime:
    """Seconds of processor time, user and system together."""

    python_s: float
    postgres_s: float
    kafka_s: float

    def __sub__(self, earlier: "ProcessorTime") -> "ProcessorTime":
        return ProcessorTime(
            self.python_s - earlier.python_s, self.postgres_s - earlier.postgres_s, self.kafka_s - earlier.kafka_s
        )

    @property
    def in_all_s(self) -> float:
        """Of all three together."""
        return self.python_s + self.postgres_s + self.kafka_s

    def named(self) -> list[tuple[str, float]]:
        """(who, seconds) pairs."""
        return [("python", self.python_s), ("postgres", self.postgres_s), ("kafka", self.kafka_s)]


def processor_time() -> ProcessorTime:
    """What was spent so far by this process, the processes of the engine below it, and the servers it started."""
    spent = {"python": _own_seconds(), "postgres": 0.0, "kafka": 0.0}
    for child, who in _children():
        try:
            times = child.cpu_times()
        except psutil.Error:
            # One that ended just now; its time is in its parent's count of its children.
            continue
        spent[who] += times.user + times.system + times.children_user + times.children_system
    return ProcessorTime(spent["python"], spent["postgres"], spent["kafka"])


def _own_seconds() -> float:
    """Of this process and of those that it started and that have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def _children() -> Iterator[tuple[psutil.Process, str]]:
    for child in psutil.Process().children(recursive=True):
        try:
            name = child.name()
        except psutil.Error:
            continue
        if name.startswith("python"):
            yield child, "python"
        elif name in ("postgres", "java"):
            yield child, "postgres" if name == "postgres" else "kafka"


def resident_mib() -> float:
    """What this process has resident now, in MiB."""
    return float(psutil.Process().memory_info().rss / _MIB)


def most_resident_mib() -> float:
    """The most that this process ever had resident, in MiB; what it was started from does not count."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        name, _, amount = line.partition(":")
        if name == "VmHWM":
            return int(amount.split()[0]) / _KIB_A_MIB
    raise ValueError("/proc/self/status does not say what was resident at most")


class MemoryWatch:
    """The most that any one process had resident, by who it is, while the `with` block ran."""

    def __init__(self) -> None:
        self._peaks: dict[str, int] = {}
        self._ended = threading.Event()

    def named(self) -> list[tuple[str, float]]:
        """(who, MiB) pairs; pages that PostgreSQL's processes share are not counted."""
        return [(who, peak / _MIB) for who, peak in sorted(self._peaks.items())]

    @contextmanager
    def watching(self) -> Iterator["MemoryWatch"]:
        """Look a few times a second for as long as the block runs."""
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            self._look(psutil.Process(), "python")
            for child, who in _children():
                self._look(child, who)

    def _look(self, process: psutil.Process, who: str) -> None:
        try:
            memory = process.memory_info()
        except psutil.Error:
            return
        # Shared buffers are in every backend's resident size and are no growth of its own.
        resident = memory.rss - getattr(memory, "shared", 0) if who == "postgres" else memory.rss
        self._peaks[who] = max(self._peaks.get(who, 0), resident)
