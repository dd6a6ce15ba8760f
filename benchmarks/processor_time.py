"""Processor time by who spent it: this process, the database's and the broker's."""

import time
from dataclasses import dataclass

import psutil


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

    def named(self) -> list[tuple[str, float]]:
        """(who, seconds) pairs."""
        return [("python", self.python_s), ("postgres", self.postgres_s), ("kafka", self.kafka_s)]


def processor_time() -> ProcessorTime:
    """What was spent so far by this process and the servers that it started."""
    by_name = {"postgres": 0.0, "java": 0.0}
    for child in psutil.Process().children(recursive=True):
        try:
            name, spent = child.name(), child.cpu_times()
        except psutil.Error:
            # A backend that ended just now; its time is in the postmaster's count of its children.
            continue
        if name in by_name:
            by_name[name] += spent.user + spent.system + spent.children_user + spent.children_system
    return ProcessorTime(time.process_time(), by_name["postgres"], by_name["java"])
