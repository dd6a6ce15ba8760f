"""Freezing a process of the engine within a transaction, at a statement of one's choice, and working beside it.

`python -m tests.support.freezing DSN WORK STATEMENT` does a piece of work and stops itself (SIGSTOP) right after the
first statement that holds the text, or within a COPY of it, before its data is sent. What it says once it goes on is
on its standard error, and its status is 0 where it could finish, 1 for a fault that it tells.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg

from domain.calendar import instant
from engine.clock import Clock
from engine.errors import PartitionLost
from ledger.database import Role, connect
from ledger.errors import MachineryFault
from ledger.gateway import Gateway
from ledger.intake import outbox
from projections.handoff import make_files, waiting_for_files
from projections.runner import catch_up
from tests.projections.builders import PLATFORM
from tests.support.audited import verify
from tests.support.engine import Engine
from tests.support.events import operator, session, tariff

# From the freeze to the end of the next one's work.
TAKEN_OVER_S_MAX = 15.0

OPERATORS = [f"OP-{number}" for number in range(1, 4)]
PAID_BY = "2026-03-03T00:05:00Z"


def _catalogue() -> list[dict[str, Any]]:
    account = {"holder": "Charge Ltd", "iban": "NL20INGB0001234567"}
    terms = [operator(each, time_zone="UTC", bank_account=account) for each in OPERATORS]
    return terms + [tariff(each, f"T-{each}") for each in OPERATORS]


def _sessions() -> list[dict[str, Any]]:
    found = []
    for number, each in enumerate(OPERATORS, 1):
        first, *rest = session(f"S-{number}")
        found += [first | {"data": first["data"] | {"operator_id": each, "tariff_id": f"T-{each}"}}, *rest]
    return found


def take_in(dsn: str) -> None:
    """A batch: operators, tariffs and sessions, published again where they were known."""
    engine = Engine(dsn)
    try:
        engine.feed([*_catalogue(), *_sessions()])
    finally:
        engine.close()


def pay(dsn: str) -> None:
    """The runs of the day."""
    clock = Clock(dsn)
    try:
        clock.advance(instant(PAID_BY))
    finally:
        clock.close()


def follow(dsn: str) -> None:
    """The read models."""
    catch_up(dsn)


def write_files(dsn: str) -> None:
    """The bank files."""
    with connect(dsn, Role.BANK) as connection, connection.cursor() as cursor:
        waiting = waiting_for_files(cursor)
    make_files(dsn, waiting, PLATFORM, None)


def relay(dsn: str) -> None:
    """A turn of the relay, which sends nothing; not done where it is somebody else's turn."""
    gateway = Gateway(dsn)
    try:
        with gateway.transaction() as cursor:
            if not outbox.take_turn(cursor):
                raise MachineryFault("it is another relay's turn")
            outbox.pending(cursor, 100)
    finally:
        gateway.close()


WORKS: Mapping[str, Callable[[str], None]] = {
    "take_in": take_in,
    "pay": pay,
    "follow": follow,
    "write_files": write_files,
    "relay": relay,
}
# What has to be done before a piece of work has anything to do.
BEFORE: Mapping[str, list[str]] = {
    "take_in": [],
    "pay": ["take_in"],
    "follow": ["take_in", "pay"],
    "write_files": ["take_in", "pay", "follow"],
    "relay": ["take_in"],
}


# By what the frozen one holds: the position of a partition, the catalogue, the order of events (within a COPY and
# between two statements), entries, the clock, the read models, the bank files, the relay's turn.
FREEZES = [
    ("take_in", "COPY event_store.stored_events"),
    ("pay", "UPDATE intake.run SET closed_through"),
    ("follow", "UPDATE projection.generation"),
    ("relay", "FROM intake.outbox AS o"),
    ("take_in", "FOR UPDATE"),
    ("take_in", "INSERT INTO intake.catalogue"),
    ("take_in", "INSERT INTO intake.outbox"),
    ("take_in", "UPDATE intake.position"),
    ("pay", "COPY book.posting"),
    ("pay", "COPY book.entry"),
    ("write_files", "INSERT INTO intake.bank_file "),
]


def freeze_and_take_over(dsn: str, work: str, statement: str) -> float:
    """On an empty store: how long it took the next one to be done with the work; what both did is audited."""
    for each in BEFORE[work]:
        WORKS[each](dsn)
    with frozen(dsn, work, statement) as process:
        seconds = taken_over(dsn, work)
        status, said = wakes(process)
    assert status == 1, f"{work} at {statement}: {said}"
    assert said.startswith("the database does not answer"), said
    report = verify(dsn)
    assert report.passed, report.failed
    return seconds


@contextmanager
def frozen(dsn: str, work: str, statement: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that has stopped in the middle of a piece of work."""
    words = [sys.executable, "-m", "tests.support.freezing", dsn, work, statement]
    process = subprocess.Popen(words, stderr=subprocess.PIPE)
    try:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status), f"it did not come to {statement}: {process.stderr and process.stderr.read()!r}"
        yield process
    finally:
        process.kill()
        process.communicate()


def taken_over(dsn: str, work: str) -> float:
    """Do the same work, again while the machinery is at fault; the seconds it took."""
    began = time.monotonic()
    while True:
        try:
            WORKS[work](dsn)
        except MachineryFault:
            assert time.monotonic() - began < 60, f"{work}: nobody got on with it"
            time.sleep(0.1)
        else:
            return time.monotonic() - began


def wakes(process: "subprocess.Popen[bytes]") -> tuple[int, str]:
    """Let it go on: its status, and what it says."""
    process.send_signal(signal.SIGCONT)
    _, said = process.communicate(timeout=180)
    return process.returncode, said.decode()


def _stop_at(statement: str) -> None:
    execute, write, met = psycopg.Cursor.execute, psycopg.Copy.write, False

    def meets(query: Any) -> bool:
        nonlocal met
        first = not met and statement in str(query)
        met = met or first
        return first

    def executes(cursor: Any, query: Any, *arguments: Any, **options: Any) -> Any:
        result = execute(cursor, query, *arguments, **options)
        if meets(query):
            os.kill(os.getpid(), signal.SIGSTOP)
        return result

    def writes(copy: Any, data: Any) -> Any:
        if meets(copy.cursor._query.query):
            os.kill(os.getpid(), signal.SIGSTOP)
        return write(copy, data)

    psycopg.Cursor.execute, psycopg.Copy.write = executes, writes  # type: ignore[method-assign,assignment]


def main(dsn: str, work: str, statement: str) -> int:
    """What the process does."""
    _stop_at(statement)
    try:
        WORKS[work](dsn)
    except (MachineryFault, PartitionLost) as fault:
        sys.stderr.write(str(fault))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
