"""What `wattledger settle` costs: `python -m benchmarks.settle_cost [FILE]` compares it with reading the same lines.

The yardstick is one Python process that reads each line of the file with the standard library's `json`, writes it
again, and does nothing else. Compared is processor time, user and system together: that of the command with all
processes it started (those that share its work, its PostgreSQL and its broker, their starts and stops included) by
that of the yardstick. The same with orjson is shown beside it.
"""

import argparse
import ctypes
import json
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.figures import Figure
from benchmarks.limits import text
from benchmarks.stage import MESSAGES_PER_SESSION, OPERATORS
from wattledger.demo.load import load

EVENTS, ROUNDS = 60_000, 3
LIMIT = 45.0
_LOOK_SECONDS = 0.1
_PR_SET_CHILD_SUBREAPER = 36
# Who spent it, by what stands in the command line of a process.
_COMMAND, _SHARING, _REST = "python: the command", "python: processes that share its work", "not seen"
_SERVERS = {"postgres": "postgres", "java": "kafka"}


@dataclass(slots=True)
class Spent:
    """Seconds of processor time of one run, in all and by who spent them, and the seconds it took."""

    in_all_s: float = 0.0
    wall_s: float = 0.0
    by_who: dict[str, float] = field(default_factory=dict)


class CommandFailed(Exception):
    """The command did not end well, so that its cost says nothing."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure in rounds and print a table; 1 when the median is above the limit, else 0."""
    options = _parser().parse_args(arguments)
    with TemporaryDirectory(prefix="wattledger-bench-") as folder:
        file = options.file or _generated(Path(folder) / "events.jsonl", options.events)
        found = measure(file, options.rounds, Path(folder))
    _print(found, file)
    ratio = next(figure for figure in found if figure.name == "settle to json")
    return 1 if ratio.median > LIMIT else 0


def measure(file: Path, rounds: int, folder: Path) -> list[Figure]:
    """Figures of so many rounds, each with a new store under `folder`. Raises CommandFailed."""
    values: dict[tuple[str, str], list[float]] = {}
    for number in range(rounds):
        for name, unit, value in _round(file, folder / f"round-{number}"):
            values.setdefault((name, unit), []).append(value)
    return [Figure(name, unit, tuple(of_rounds)) for (name, unit), of_rounds in values.items()]


def _round(file: Path, folder: Path) -> Iterator[tuple[str, str, float]]:
    lines = _count_lines(file)
    by_json = _in_a_process(lambda: _rewrite(file, folder.with_suffix(".json"), _by_json))
    by_orjson = _in_a_process(lambda: _rewrite(file, folder.with_suffix(".orjson"), _by_orjson))
    spent = settle(file, folder)
    yield "settle to json", "", spent.in_all_s / by_json.in_all_s
    yield "settle to orjson", "", spent.in_all_s / by_orjson.in_all_s
    yield "settle", "µs an event", spent.in_all_s * 1e6 / lines
    yield "json", "µs an event", by_json.in_all_s * 1e6 / lines
    yield "orjson", "µs an event", by_orjson.in_all_s * 1e6 / lines
    for who, seconds in spent.by_who.items():
        yield f"– {who}", "µs an event", seconds * 1e6 / lines
    yield "settle, wall", "s", spent.wall_s


def settle(file: Path, folder: Path) -> Spent:
    """The cost of settling a file in a new store: the command and all that descends from it. Raises CommandFailed."""
    program = Path(sys.executable).with_name("wattledger")
    command = [str(program), "settle", str(file), "--out", str(folder / "out"), "--data-dir", str(folder / "data")]
    log = folder.with_suffix(".log")

    def run() -> None:
        with log.open("wb") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        os.execv(command[0], command)

    return _in_a_process(run, log)


def _in_a_process(work: Callable[[], None], log: Path | None = None) -> Spent:
    """Do work in a process of its own, and wait until it and all that it started have ended.

    Raises RuntimeError in a process that has children: it would wait for those, too, and count them.
    """
    if psutil.Process().children():
        raise RuntimeError("this process has children, whose time cannot be told apart: measure in one that has none")
    spent, before, began = Spent(), resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    with _orphans_come_here():
        pid = os.fork()
        if pid == 0:
            _work_and_end(work)
        status, shares = _watch(pid)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent.wall_s = time.perf_counter() - began
    spent.in_all_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if status:
        said = log.read_text("utf-8", "replace")[-500:] if log is not None and log.exists() else ""
        raise CommandFailed(f"what was measured ended with status {status}: {said}")
    spent.by_who = {**shares, _REST: spent.in_all_s - sum(shares.values())}
    return spent


def _work_and_end(work: Callable[[], None]) -> None:
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


@contextmanager
def _orphans_come_here() -> Iterator[None]:
    """What outlives the process that started it becomes a child of this one, so that its time is counted, too."""
    _subreaper(1)
    try:
        yield
    finally:
        _subreaper(0)


def _subreaper(on: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, ctypes.c_ulong(on), 0, 0, 0)


def _watch(pid: int) -> tuple[int, dict[str, float]]:
    """Until a child and all orphans it left have ended: its exit status, and who was seen to spend how much."""
    seen: dict[int, tuple[str, float]] = {}
    status, first = 0, True
    while first or _children_are_left():
        first = False
        ended, code = os.waitpid(-1, os.WNOHANG)
        if ended == pid:
            status = os.waitstatus_to_exitcode(code)
        if not ended:
            _look(psutil.Process(), pid, seen)
            time.sleep(_LOOK_SECONDS)
    shares: dict[str, float] = {}
    for who, seconds in seen.values():
        shares[who] = shares.get(who, 0.0) + seconds
    return status, dict(sorted(shares.items()))


def _children_are_left() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _look(parent: psutil.Process, command_pid: int, seen: dict[int, tuple[str, float]]) -> None:
    """Note what each process spent so far; one server of PostgreSQL counts the processes of it that have ended."""
    for process in parent.children(recursive=True):
        try:
            times, name = process.cpu_times(), process.name()
        except psutil.Error:
            continue
        who = _SERVERS.get(name) or (_COMMAND if process.pid == command_pid else _SHARING)
        seen[process.pid] = (who, times.user + times.system)


def _rewrite(file: Path, to: Path, again: Callable[[Iterable[bytes]], Iterable[bytes]]) -> None:
    with file.open("rb") as lines, to.open("wb") as output:
        output.writelines(again(lines))


def _by_json(lines: Iterable[bytes]) -> Iterator[bytes]:
    return (json.dumps(json.loads(line)).encode() + b"\n" for line in lines)


def _by_orjson(lines: Iterable[bytes]) -> Iterator[bytes]:
    return (orjson.dumps(orjson.loads(line)) + b"\n" for line in lines)


def _count_lines(file: Path) -> int:
    with file.open("rb") as lines:
        return sum(1 for _ in lines)


def _generated(file: Path, events: int) -> Path:
    made = load(max(1, events // MESSAGES_PER_SESSION), MESSAGES_PER_SESSION, operators=OPERATORS)
    with file.open("wb") as output:
        output.writelines(value.rstrip(b"\n") + b"\n" for _, _, value in made)
    return file


def _print(found: Sequence[Figure], file: Path) -> None:
    table = Table(title=f"settle {file.name}", title_justify="left", header_style="bold")
    for column in ("figure", "median", "lowest", "highest", "unit"):
        table.add_column(column, justify="right" if column in ("median", "lowest", "highest") else "left")
    for figure in found:
        low, high = figure.spread
        table.add_row(figure.name, text(figure.median), text(low), text(high), figure.unit)
    Console().print(table)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.settle_cost", description="What settling a file costs.")
    parser.add_argument("file", nargs="?", type=Path, help="events, a line each (default: generated ones)")
    parser.add_argument("--events", type=int, default=EVENTS, help=f"how many to generate (default {EVENTS})")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"each on a new store (default {ROUNDS})")
    return parser


if __name__ == "__main__":
    sys.exit(main())
