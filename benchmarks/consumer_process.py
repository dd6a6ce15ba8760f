"""A consumer in a process of its own: reads what to do from standard input, tells of itself as lines of JSON."""

import asyncio
import json
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from consumers.run import consume_until_caught_up
from engine.intake import Intake

_MIB = 1024 * 1024
_STATUS = Path("/proc/self/status")


def start_consumer(order: Mapping[str, Any]) -> "subprocess.Popen[str]":
    """A consumer with the `dsn`, the `kafka` options and the `group` of an order.

    It takes everything in that there is, telling [events, resident MiB, peak MiB so far, seconds] at first, each
    `step` events and at the end.
    """
    command = [sys.executable, "-m", "benchmarks.consumer_process"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if process.stdin is not None:
        with process.stdin as told:
            told.write(json.dumps(order))
    return process


def main() -> None:
    """Do what the order says."""
    order = json.loads(sys.stdin.read())
    intake, process, step = Intake(order["dsn"]), psutil.Process(), order["step"]
    next_look = 1

    def look(done: int, total: int) -> None:
        nonlocal next_look
        if done >= next_look or done == total:
            next_look = (done // step + 1) * step
            resident = process.memory_info().rss / _MIB
            print(json.dumps([done, resident, _peak_mib(), time.monotonic()]), flush=True)

    try:
        asyncio.run(consume_until_caught_up(order["kafka"], intake, group_id=order["group"], on_progress=look))
    finally:
        intake.close()


def _peak_mib() -> float:
    """The most this program has had resident.

    On Linux getrusage would give the parent's peak where that was higher: it survives starting a new program.
    """
    if _STATUS.exists():
        line = next(line for line in _STATUS.read_text("ascii").splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024
    # In bytes on macOS.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MIB


if __name__ == "__main__":
    main()
